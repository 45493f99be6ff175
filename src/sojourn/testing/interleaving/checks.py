"""What must hold after any order of any clients, judged by what was acknowledged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sojourn.core.errors import SessionEnded
from sojourn.model.field import Changed
from sojourn.model.session import Loaded, Session
from sojourn.stores.base import Ended
from sojourn.testing.interleaving.history import Act, History
from sojourn.testing.interleaving.limit import over_limit
from sojourn.testing.interleaving.replay import Replay, State, state_of
from sojourn.testing.interleaving.scene import Found, Scene


def faults(scene: Scene, history: History, found: Found) -> Iterator[str]:
    """Everything that must not be."""
    starts = _starts(history, found)
    for sid in history.sids():
        yield from _resurrections(history, found, sid, starts)
        yield from _ends(history, sid)
        yield from _old_handles(history, sid)
        if sid in starts:
            yield from _lost_updates(history, found, sid, starts[sid])
    yield from over_limit(scene, history, found)
    if scene.shares:
        yield from _lost_in_bag(history, found)


def _starts(history: History, found: Found) -> dict[str, Loaded]:
    made = {act.asked.sid: act.asked.made for act in history.of("create") if not act.refused}
    return {found.start.session.id: found.start} | {sid: loaded for sid, loaded in made.items() if loaded}


def _over(history: History, sid: str, made: Act | None) -> Act | None:
    """The first answer that said that the session is over."""
    said = [
        act
        for act in history.of(sid=sid)
        if isinstance(act.answer, Ended | SessionEnded)
        or (act.asked.what == "load" and act.answer is None and (made is None or made.before(act)))
    ]
    return min(said, key=lambda act: act.done, default=None)


def _resurrections(history: History, found: Found, sid: str, starts: Mapping[str, Loaded]) -> Iterator[str]:
    made = next((act for act in history.of("create", sid) if not act.refused), None)
    over = _over(history, sid, made) if sid in starts else None
    name = history.name(sid)
    if over is not None:
        for act in history.acts:
            if over.before(act) and act.reached(sid):
                yield f"{name} was over when {over.client} was answered, and {act.client} had {act.asked.what} after that"
        if found.sessions[sid] is not None or sid in found.listed:
            yield f"{name} was over and lives again"
    elif sid in starts and found.sessions[sid] is None and not _may_be_dead(history, starts[sid].session):
        yield f"{name} has vanished: nobody ended it and no limit was reached"


def _may_be_dead(history: History, session: Session) -> bool:
    """Whether any of the limits that were asked for can have been reached at any of the instants."""
    idles = [
        idle for act in history.of(sid=session.id) for idle in (act.asked.idle, act.asked.to and act.asked.to.idle)
    ]
    dies = min([session.dies_at, *(session.last + idle for idle in idles if idle)])
    return max(act.asked.now for act in history.acts) >= dies


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


def _lost_updates(history: History, found: Found, sid: str, start: Loaded) -> Iterator[str]:
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
    last = found.sessions[sid]
    if last is not None:
        if fault := replay.contradicts(last):
            yield f"{name} has {fault}"
        if last.session.version != replay.last:
            yield f"{name} has version {last.session.version} after version {replay.last} was acknowledged"


def _lost_in_bag(history: History, found: Found) -> Iterator[str]:
    if history.of("drop_bag"):
        return
    start = State(0, b"", 0, dict(found.bag_before))
    version = max((field.version for field in start.fields.values()), default=0)
    writes = [act for act in history.of("change_bag") if isinstance(act.answer, Changed)]
    replay = Replay(start, version, writes)
    yield from (f"bag: {fault}" for fault in replay.faults)
    if dict(found.bag) != replay.states[replay.last].fields:
        yield f"the bag holds {dict(found.bag)}, the acknowledged writes make {replay.states[replay.last].fields}"
