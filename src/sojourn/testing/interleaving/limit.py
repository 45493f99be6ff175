"""Never more live sessions of one owner than the limit."""

from __future__ import annotations

from collections.abc import Iterator

from sojourn.model.session import Session
from sojourn.stores.base import SessionLimit
from sojourn.testing.interleaving.history import Act, History

_NEVER = 1 << 62


def refusal_faults(history: History) -> Iterator[str]:
    """Refusals that do not name as many live sessions as the limit allows."""
    for act in history.acts:
        if isinstance(act.answer, SessionLimit) and len(act.answer.live) < (act.asked.most or 0):
            yield f"{act.client} was refused for a limit of {act.asked.most}, with {len(act.answer.live)} named as live"


def limit_faults(
    history: History, owner: str, most: int, *, begun: frozenset[str], live: frozenset[str]
) -> Iterator[str]:
    """How the limit of ``owner`` was broken, whose sessions ``begun`` were there at first and ``live`` are at last."""
    if len(live) > most:
        yield f"{len(live)} sessions of {owner} live, the limit is {most}"
    for act in history.of("list"):
        if act.asked.owner == owner and isinstance(act.answer, list) and len(act.answer) > most:
            yield f"{act.client} was shown {len(act.answer)} live sessions of {owner}, the limit is {most}"
    moments: list[tuple[int, int]] = []
    for sid in history.sids():
        first, last = _surely(history, owner, sid, begun=sid in begun, live=sid in live)
        if first < last:
            moments += [(first, 1), (last, -1)]
    count = together = 0
    for _, change in sorted(moments):
        count += change
        together = max(together, count)
    if together > most:
        yield f"{together} sessions of {owner} lived at once, the limit is {most}"


def _surely(history: History, owner: str, sid: str, *, begun: bool, live: bool) -> tuple[int, int]:
    """From when to when it was surely one of the owner's: from the answer of its login to its last success's question."""
    joined = [act.done for act in history.of(sid=sid) if _joined(act, owner)]
    first = 0 if begun else min(joined, default=_NEVER)
    last = _NEVER if live else max((act.begun for act in history.about(sid) if act.reached(sid)), default=0)
    # Also a rotation that was asked for before the login was answered may have come after it.
    left = [act.begun for act in history.of("rotate", sid) if not act.refused and act.done > first]
    return first, min([last, *left])


def _joined(act: Act, owner: str) -> bool:
    if act.asked.what == "create":
        return not act.refused and act.asked.owner == owner
    return isinstance(act.answer, Session) and act.answer.owner == owner
