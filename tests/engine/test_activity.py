"""Turns of stateful sessions, sessions in use, and the abort of an execution."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sojourn.core.clock import ManualClock
from sojourn.engine.activity import (
    Activity,
    ExecutionAborted,
    SessionBusy,
    SessionQueueFull,
    TurnTimeout,
)
from sojourn.model.session import Session
from tests.patience import HANGS

pytestmark = pytest.mark.anyio


def session(sid: str = "s") -> Session:
    return Session(id=sid, realm="r", secret=b"x", created=0, last=0, absolute=10**15)


class World:
    """Executions that stay until they are let go."""

    def __init__(self, **limits: float) -> None:
        self.clock = ManualClock()
        self.activity = Activity(self.clock, **limits)  # type: ignore[arg-type]
        self.order: list[str] = []
        self.inside = 0
        self.most_inside = 0

    async def execute(
        self, chain: str, until: asyncio.Event | None = None, *, sid: str = "s", exclusive: bool = True
    ) -> None:
        async with self.activity.run(session(sid), chain=chain, exclusive=exclusive, what="test"):
            self.order.append(chain)
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            try:
                if until is not None:
                    await until.wait()
                else:
                    await asyncio.sleep(0)
            finally:
                self.inside -= 1


@asynccontextmanager
async def held(world: World, chain: str = "holder") -> AsyncIterator[asyncio.Task[None]]:
    """Somebody executes; he is let go at the end."""
    until = asyncio.Event()
    task = asyncio.create_task(world.execute(chain, until))
    await settle()
    yield task
    until.set()
    await asyncio.gather(task, return_exceptions=True)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_executions_of_one_session_run_one_after_the_other_in_the_order_of_arrival() -> None:
    world = World()
    await asyncio.gather(*(world.execute(f"c{number}") for number in range(9)))
    assert world.order == [f"c{number}" for number in range(9)]
    assert world.most_inside == 1
    assert world.activity.in_use() == ()


async def test_executions_that_are_not_exclusive_never_wait_and_other_sessions_do_not_either() -> None:
    world = World()
    async with held(world):
        await asyncio.wait_for(world.execute("other", sid="t"), HANGS)
        await asyncio.wait_for(world.execute("reader", exclusive=False), HANGS)
    assert world.order == ["holder", "other", "reader"]


async def test_who_waits_too_long_gives_up_and_leaves_the_line_in_order() -> None:
    world = World(patience=0.01)
    async with held(world):
        with pytest.raises(TurnTimeout) as caught:
            await world.execute("late")
        assert (caught.value.status, caught.value.code) == (503, "session.wait_timeout")
    await world.execute("next")
    assert world.order == ["holder", "next"]


async def test_eight_wait_and_the_ninth_is_refused_at_once() -> None:
    world = World()
    async with held(world):
        waiting = [asyncio.create_task(world.execute(f"c{number}")) for number in range(8)]
        await settle()
        with pytest.raises(SessionQueueFull) as caught:
            await world.execute("ninth")
        assert (caught.value.status, caught.value.code) == (503, "session.queue_full")
    await asyncio.gather(*waiting)
    assert len(world.order) == 9


async def test_a_chain_that_waits_for_the_session_it_holds_is_told_at_once() -> None:
    world = World()
    async with held(world, "chain"):
        with pytest.raises(SessionBusy) as caught:
            await world.execute("chain")
        assert (caught.value.status, caught.value.code) == (409, "session.busy")
        waiting = asyncio.create_task(world.execute("second"))
        await settle()
    await waiting
    assert world.order == ["chain", "second"]


async def test_who_leaves_while_waiting_holds_up_nobody() -> None:
    world = World()
    async with held(world):
        gone, stays = (asyncio.create_task(world.execute(name)) for name in ("gone", "stays"))
        await settle()
        gone.cancel()
        await settle()
    await asyncio.wait_for(stays, HANGS)
    assert gone.cancelled()
    assert world.order == ["holder", "stays"]


async def test_a_turn_that_is_called_while_its_owner_gives_up_goes_to_the_next() -> None:
    world = World()
    until = asyncio.Event()
    holder = asyncio.create_task(world.execute("holder", until))
    await settle()
    gone, stays = (asyncio.create_task(world.execute(name)) for name in ("gone", "stays"))
    await settle()
    until.set()
    await asyncio.sleep(0)
    # The holder has called the next one, which has not run since.
    gone.cancel()
    await asyncio.wait_for(stays, HANGS)
    await holder
    assert world.order == ["holder", "stays"]
    await asyncio.wait_for(world.execute("later"), HANGS)


async def test_what_executes_is_seen_and_who_waits_is_not() -> None:
    world = World()
    async with held(world):
        waiting = asyncio.create_task(world.execute("waiting"))
        await settle()
        (running,) = world.activity.in_use()
        assert (running.sid, running.realm, running.what) == ("s", "r", "test")
        assert running.since == world.clock.now()
        assert running.worker > 0
        world.clock.advance(5)
    await waiting
    assert world.activity.in_use() == ()


async def test_the_time_of_a_turn_begins_when_it_executes() -> None:
    world = World()
    until = asyncio.Event()
    async with held(world):
        second = asyncio.create_task(world.execute("second", until))
        await settle()
        world.clock.advance(7)
    await settle()
    (running,) = world.activity.in_use()
    assert running.since == world.clock.now()
    until.set()
    await second


async def test_an_abort_breaks_off_what_executes_and_lets_the_next_begin() -> None:
    world = World()
    async with held(world) as task:
        waiting = asyncio.create_task(world.execute("waiting"))
        await settle()
        assert world.activity.abort("s") == 1
        with pytest.raises(ExecutionAborted) as caught:
            await task
        assert (caught.value.status, caught.value.code) == (503, "session.aborted")
        assert task.cancelling() == 0
        await asyncio.wait_for(waiting, HANGS)
    assert world.activity.abort("s") == 0
    assert world.activity.in_use() == ()


async def test_a_second_abort_of_the_same_execution_does_nothing_more() -> None:
    world = World()
    async with held(world) as task:
        world.activity.abort("s")
        world.activity.abort("s")
        with pytest.raises(ExecutionAborted):
            await task


async def test_a_cancellation_by_somebody_else_stays_one() -> None:
    world = World()
    async with held(world) as task:
        task.cancel()
        world.activity.abort("s")
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_an_execution_that_ends_its_own_session_goes_on_and_others_are_broken_off() -> None:
    world = World()
    done = False

    async def ends_itself() -> None:
        nonlocal done
        async with world.activity.run(session(), chain="own", exclusive=False, what="logout"):
            # As ends do it: in a task of their own.
            assert await asyncio.create_task(abort()) == 1
            await asyncio.sleep(0)
            done = True

    async def abort() -> int:
        return world.activity.abort("s")

    async with held(world) as other:
        await ends_itself()
        with pytest.raises(ExecutionAborted):
            await other
    assert done


async def test_who_is_cancelled_as_the_turn_is_passed_on_harms_neither_the_holder_nor_the_next() -> None:
    world = World()
    async with world.activity.run(session(), chain="holder", exclusive=True, what="test"):
        leaving, last = (asyncio.create_task(world.execute(chain)) for chain in ("leaving", "last"))
        await settle()
        leaving.cancel()
    await asyncio.wait([leaving, last], timeout=HANGS)
    assert leaving.cancelled()
    assert world.order == ["last"]
    assert world.activity.in_use() == ()
    await world.execute("another")
