"""What must hold for one session, judged by what was acknowledged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sojourn.core.errors import SessionEnded
from sojourn.model.field import Changed
from sojourn.model.session import Loaded, Session
from sojourn.stores.base import Ended
from sojourn.testing.interleaving.history import Act, History
from sojourn.testing.interleaving.replay import Replay, state_of


class Life(NamedTuple):
    """One session: how it began, and how it was found at last."""

    sid: str
    #: None when nobody was told that it was created.
    start: Loaded | None
    last: Loaded | None
    #: Whether its principal's list has it at last.
    listed: bool
    #: The time with which it was looked at last.
    looked_at: int


def session_faults(history: History, life: Life) -> Iterator[str]:
    """Resurrections, several ends, acts by old handles, lost updates."""
    yield from _resurrections(history, life)
    yield from _ends(history, life.sid)
    yield from _old_handles(history, life.sid)
    yield from _lost_updates(history, life)


def _over(history: History, sid: str) -> Act | None:
    """The first answer that said that the session is over."""
    made = next((act for act in history.of("create", sid) if not act.refused), None)
    said = [
        act
        for act in history.of(sid=sid)
        if isinstance(act.answer, Ended | SessionEnded)
        or (act.asked.what == "load" and act.answer is None and (made is None or made.before(act)))
    ]
    return min(said, key=lambda act: act.done, default=None)


def _resurrections(history: History, life: Life) -> Iterator[str]:
    if life.start is None:
        return
    over, name = _over(history, life.sid), history.name(life.sid)
    if over is not None:
        for act in history.about(life.sid):
            if over.before(act) and act.reached(life.sid):
                yield f"{name} was over when {over.client} was answered, and {act.client} had {act.asked.what} after that"
        if life.last is not None or life.listed:
            yield f"{name} was over and lives again"
    elif life.last is None and not _may_be_dead(history, life, life.start.session):
        yield f"{name} has vanished: nobody ended it and no limit was reached"


def _may_be_dead(history: History, life: Life, session: Session) -> bool:
    """Whether any of the limits that were asked for can have been reached at any of the instants."""
    idles = [
        idle for act in history.of(sid=session.id) for idle in (act.asked.idle, act.asked.to and act.asked.to.idle)
    ]
    dies = min([session.dies_at, *(session.last + idle for idle in idles if idle)])
    return max(life.looked_at, history.latest) >= dies


def _ends(history: History, sid: str) -> Iterator[str]:
    told: set[tuple[str, int]] = set()
    for act in history.of(sid=sid):
        if isinstance(act.answer, Ended):
            told.add((act.answer.end.reason, act.answer.end.at))
        elif isinstance(act.answer, SessionEnded):
            told.add((act.answer.reason, act.answer.at))
    if len(told) > 1:
        yield f"{history.name(sid)} has several ends: {sorted(told)}"
    if sum(isinstance(act.answer, Ended) and act.answer.now for act in history.of("end", sid)) > 1:
        yield f"{history.name(sid)} was ended more than once"


def _old_handles(history: History, sid: str) -> Iterator[str]:
    rotations = [act for act in history.of("rotate", sid) if isinstance(act.answer, Session)]
    for rotation in rotations:
        epoch = rotation.answer.epoch if isinstance(rotation.answer, Session) else 0
        for act in history.of(sid=sid):
            used = act.asked.epoch if act.asked.epoch is not None else _shown(act)
            if act is not rotation and rotation.before(act) and act.reached(sid) and (used or epoch) < epoch:
                yield f"{act.client} had {act.asked.what} by epoch {used} after {rotation.client} was given epoch {epoch}"
    if len({act.asked.epoch for act in rotations}) < len(rotations):
        yield f"two logins took {history.name(sid)} over from one epoch"


def _shown(act: Act) -> int | None:
    return act.answer.session.epoch if isinstance(act.answer, Loaded) else None


def _lost_updates(history: History, life: Life) -> Iterator[str]:
    if life.start is None:
        return
    sid, start, last = life.sid, life.start, life.last
    writes = [
        act
        for act in history.of(sid=sid)
        if (
            act.asked.what == "change"
            and isinstance(act.answer, Changed)
            and (act.asked.ops or act.asked.idle is not None)
        )
        or (act.asked.what == "rotate" and isinstance(act.answer, Session))
    ]
    replay = Replay(state_of(start), start.session.version, writes)
    name = history.name(sid)
    yield from (f"{name}: {fault}" for fault in replay.faults)
    for act in history.of("load", sid):
        if isinstance(act.answer, Loaded) and (fault := replay.contradicts(act.answer)):
            yield f"{act.client} loaded {name} with {fault}"
    if last is not None:
        if fault := replay.contradicts(last):
            yield f"{name} has {fault}"
        if last.session.version != replay.last:
            yield f"{name} has version {last.session.version} after version {replay.last} was acknowledged"
