"""Time limits that share one timer."""

from __future__ import annotations

import asyncio

import pytest

from sojourn.pipelines.deadlines import Overdue, within
from tests.patience import HANGS

pytestmark = pytest.mark.anyio


async def ever() -> None:
    await asyncio.Event().wait()


async def soon() -> str:
    await asyncio.sleep(0)
    return "done"


async def overdue(seconds: float) -> None:
    with pytest.raises(Overdue):
        await within(seconds, ever())


async def test_work_in_time_gives_its_result() -> None:
    assert await within(HANGS, soon()) == "done"


async def test_a_short_limit_is_kept_among_long_ones() -> None:
    long = asyncio.create_task(within(10 * HANGS, ever()))
    await asyncio.sleep(0)
    async with asyncio.timeout(HANGS):
        await overdue(0.01)
    assert not long.done()
    long.cancel()


async def test_each_of_many_limits_is_kept() -> None:
    async with asyncio.timeout(HANGS):
        await asyncio.gather(*(overdue(number / 100) for number in (1, 3, 2, 1)))


async def test_a_limit_is_kept_after_the_one_that_set_the_timer_was_not_needed() -> None:
    assert await within(0.01, soon()) == "done"
    async with asyncio.timeout(HANGS):
        await overdue(0.02)


async def test_a_cancellation_by_somebody_else_stays_one() -> None:
    task = asyncio.create_task(within(10 * HANGS, ever()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_task_goes_on_after_its_work_was_overdue() -> None:
    await overdue(0.001)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert await within(HANGS, soon()) == "done"
