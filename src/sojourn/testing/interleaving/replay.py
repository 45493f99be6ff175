"""What the fields of a session or bag must be at each version, by the acknowledged writes alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sojourn.core.errors import SojournError
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, apply
from sojourn.model.session import Loaded, Session
from sojourn.testing.interleaving.history import Act


class State(NamedTuple):
    """What holds at one version; the part before the fields is a session's only."""

    epoch: int
    secret: bytes
    idle: int
    fields: Mapping[str, Field]


class Replay:
    """The states of a session or bag. ``faults`` says why the acknowledged writes cannot all have happened."""

    def __init__(self, start: State, version: int, writes: Sequence[Act]) -> None:
        self.faults = list(_out_of_order(writes))
        self.states = {version: start}
        #: The version after all writes.
        self.last = version
        for act in sorted(writes, key=_version):
            self._follow(act)

    def _follow(self, act: Act) -> None:
        held = self.states[self.last].epoch
        if act.asked.what != "change_bag" and act.asked.epoch != held:
            self.faults.append(f"version {_version(act)} was written by epoch {act.asked.epoch}, its epoch was {held}")
        if _version(act) != self.last + 1:
            self.faults.append(
                f"version {_version(act)} follows version {self.last}: a write was lost or counted twice"
            )
        try:
            self.states[_version(act)] = _after(self.states[self.last], act)
        except SojournError as error:
            self.faults.append(f"version {_version(act)} was acknowledged, but {error} at version {self.last}")
            self.states[_version(act)] = self.states[self.last]
        self.last = _version(act)

    def contradicts(self, seen: Loaded) -> str:
        """Why a session cannot have been loaded as ``seen``; empty when it can."""
        session = seen.session
        state = self.states.get(session.version)
        if state is None:
            return f"version {session.version} was shown, which no acknowledged write made"
        shown = State(session.epoch, session.secret, session.idle, dict(seen.fields))
        wrong = [name for name in State._fields if getattr(shown, name) != getattr(state, name)]
        return f"another {' and '.join(wrong)} than the writes up to version {session.version} make" if wrong else ""


def state_of(loaded: Loaded) -> State:
    """The state that a session was loaded in."""
    session = loaded.session
    return State(session.epoch, session.secret, session.idle, dict(loaded.fields))


def _version(act: Act) -> int:
    return act.answer.version if isinstance(act.answer, Changed | Session) else 0


def _after(state: State, act: Act) -> State:
    version, asked = _version(act), act.asked
    if asked.to is not None:
        kept = {name: field for name, field in state.fields.items() if asked.to.keep is None or name in asked.to.keep}
        return State(state.epoch + 1, asked.to.secret, asked.to.idle, kept)
    writes = apply(asked.ops, state.fields, DEFAULT_LIMITS).writes
    fields = {name: field for name, field in state.fields.items() if name not in writes}
    fields |= {name: Field(version, text) for name, text in writes.items() if text is not None}
    return state._replace(fields=fields, idle=state.idle if asked.idle is None else asked.idle)


def _out_of_order(writes: Sequence[Act]) -> Iterator[str]:
    ordered = sorted(writes, key=_version)
    for first, second in pairwise(ordered):
        if _version(first) == _version(second):
            yield f"{first.client} and {second.client} were both told that they wrote version {_version(first)}"
    soonest: Act | None = None
    for act in reversed(ordered):
        if soonest is not None and soonest.before(act):
            yield f"version {_version(soonest)} was acknowledged before version {_version(act)} was asked for"
        soonest = act if soonest is None or act.done < soonest.done else soonest
