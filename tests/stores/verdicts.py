"""What a raced history must show, judged from certain knowledge only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sojourn.core.clock import SystemClock
from sojourn.model.field import Changed
from sojourn.model.session import Loaded
from sojourn.testing.interleaving.history import Act, History
from sojourn.testing.interleaving.limit import limit_faults, refusal_faults
from sojourn.testing.interleaving.lives import Life, session_faults
from sojourn.testing.interleaving.replay import Replay, State
from tests.stores.stress import HOT, MOST, OWNERS, REALM, a_session, owner_of_run, sid_of

#: Principal of the bag that all share.
SHARER = "a:sharer"


async def prepare(store: Any, run: str) -> dict[str, Loaded]:
    """Make what all processes find: hot sessions, and two that share a bag."""
    hot = [a_session(sid_of(run, "hot", number), "") for number in range(HOT)]
    sharing = [a_session(sid_of(run, "sharing", number), f"{SHARER}{run}") for number in range(2)]
    for session in (*hot, *sharing):
        await store.create(session, {"n": "0"}, session.created)
    found = [await store.load(REALM, session.id, session.created) for session in (*hot, *sharing)]
    return {loaded.session.id: loaded for loaded in found}


def joined(histories: Iterable[Sequence[Act]]) -> History:
    """The histories of several processes as one."""
    history = History()
    for act in sorted((act for acts in histories for act in acts), key=lambda act: act.begun):
        history.add(act)
    return history


async def verdict(store: Any, run: str, history: History, starts: Mapping[str, Loaded]) -> list[str]:
    """Everything that must not be in ``history``, with what is in the store now that nobody acts."""
    now = SystemClock().now()
    begun = {**starts, **history.made()}
    sids = list(dict.fromkeys([*starts, *history.sids()]))
    found = dict(zip(sids, await _loaded(store, sids, now), strict=True))
    live: dict[str, frozenset[str]] = {}
    for owner in (owner_of_run(run, number) for number in range(OWNERS)):
        live[owner] = frozenset(session.id for session in await store.list(REALM, owner, now, limit=500))
    listed = frozenset[str]().union(*live.values())
    lives = [Life(sid, begun.get(sid), found[sid], listed=sid in listed, looked_at=now) for sid in sids]
    faults = [fault for life in lives for fault in session_faults(history, life)]
    faults += refusal_faults(history)
    for owner, there in live.items():
        faults += limit_faults(history, owner, MOST, begun=frozenset(), live=there)
        faults += _index_faults(owner, there, found)
    bag = await store.read_bag(REALM, f"{SHARER}{run}", now)
    return [*faults, *_bag_faults(history, bag)]


async def _loaded(store: Any, sids: Sequence[str], now: int) -> list[Loaded | None]:
    found: list[Loaded | None] = []
    for at in range(0, len(sids), 100):
        found += await asyncio.gather(*(store.load(REALM, sid, now) for sid in sids[at : at + 100]))
    return found


def _index_faults(owner: str, listed: frozenset[str], found: Mapping[str, Loaded | None]) -> Iterator[str]:
    living = {sid for sid, loaded in found.items() if loaded and loaded.session.owner == owner}
    if living != listed:
        yield f"{len(living)} sessions of {owner} live, {len(listed)} are listed"


def _bag_faults(history: History, bag: Mapping[str, Any]) -> Iterator[str]:
    writes = [act for act in history.of("change_bag") if isinstance(act.answer, Changed)]
    replay = Replay(State(0, b"", 0, {}), 0, writes)
    yield from (f"bag: {fault}" for fault in replay.faults)
    if dict(bag) != replay.states[replay.last].fields:
        yield "the bag holds something else than the acknowledged writes make"
