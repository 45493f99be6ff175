"""What must hold after any order of the clients of a scene."""

from __future__ import annotations

from collections.abc import Iterator

from sojourn.model.field import Changed
from sojourn.testing.interleaving.history import History
from sojourn.testing.interleaving.limit import limit_faults, refusal_faults
from sojourn.testing.interleaving.lives import Life, session_faults
from sojourn.testing.interleaving.replay import Replay, State
from sojourn.testing.interleaving.scene import Found, Scene
from sojourn.testing.law import T


def faults(scene: Scene, history: History, found: Found) -> Iterator[str]:
    """Everything that must not be."""
    first = found.start.session
    starts = {first.id: found.start} | history.made()
    for sid, last in found.sessions.items():
        life = Life(sid, starts.get(sid), last, listed=sid in found.listed, looked_at=T)
        yield from session_faults(history, life)
    yield from refusal_faults(history)
    if scene.most is not None:
        begun = frozenset({first.id} if first.principal else ())
        yield from limit_faults(history, first.owner, scene.most, begun=begun, live=found.listed)
    if scene.shares:
        yield from _lost_in_bag(history, found)


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
