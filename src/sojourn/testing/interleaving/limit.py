"""Never more live sessions of the principal than the scene's limit."""

from __future__ import annotations

from collections.abc import Iterator

from sojourn.model.session import Session
from sojourn.stores.base import SessionLimit
from sojourn.testing.interleaving.history import Act, History
from sojourn.testing.interleaving.scene import Found, Scene

_NEVER = 1 << 62


def over_limit(scene: Scene, history: History, found: Found) -> Iterator[str]:
    """How the limit was broken, and refusals that do not name who lives."""
    for act in history.acts:
        if isinstance(act.answer, SessionLimit) and len(act.answer.live) < (act.asked.most or 0):
            yield f"{act.client} was refused for a limit of {act.asked.most}, with {len(act.answer.live)} named as live"
    if scene.most is None:
        return
    if len(found.listed) > scene.most:
        yield f"{len(found.listed)} sessions live, the limit is {scene.most}"
    if (together := _certainly_together(history, found)) > scene.most:
        yield f"{together} sessions lived at once, the limit is {scene.most}"


def _certainly_together(history: History, found: Found) -> int:
    """How many sessions of the principal surely lived at one instant."""
    moments: list[tuple[int, int]] = []
    for sid in history.sids():
        begun, last = _surely(history, found, sid)
        if begun < last:
            moments += [(begun, 1), (last, -1)]
    count = most = 0
    for _, change in sorted(moments):
        count += change
        most = max(most, count)
    return most


def _surely(history: History, found: Found, sid: str) -> tuple[int, int]:
    """From when to when a session was surely one of the principal's: its login answered, its last success asked for."""
    principal = found.start.session.owner
    joined = [act.done for act in history.of(sid=sid) if _joined(act, principal)]
    joined += [0] if sid == found.start.session.id else []
    begun = min(joined, default=_NEVER)
    last = max((act.begun for act in history.acts if act.reached(sid)), default=0)
    left = [act.begun for act in history.of("rotate", sid) if act.begun > begun]
    return begun, min([_NEVER if sid in found.listed else last, *left])


def _joined(act: Act, principal: str) -> bool:
    if act.asked.what == "create":
        return not act.refused and act.asked.owner == principal
    return isinstance(act.answer, Session) and act.answer.owner == principal
