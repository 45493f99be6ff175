"""The connections of the engine's role: transactions of ours, a few at a time, whose commit waits for a guard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from sqlalchemy import Connection

from sojourn.core.errors import StoreBusy
from sojourn.data.port import Guard, T
from sojourn.data.postgres.faults import FAULTS, house_errors
from sojourn.data.postgres.names import APPLICATION, SYSTEM
from sojourn.engine.database.postgres.lines import Line, Lines
from sojourn.stores.libpq.connecting import PATIENCE

#: Transactions at a time, in one process.
WRITERS = 6

#: Seconds that one statement of a transaction may take, and one that changes the schema.
STATEMENT = 20.0
DEFINITION = 600.0

#: Seconds that the server may be silent beyond that.
_LONGER = 0.5

#: Seconds within which a transaction fails to begin whose connection was closed before.
_AT_ONCE = 0.5

#: Seconds between two looks for lines whose server is silent.
_LOOK = 0.25

_SETTINGS: Final = (
    f"SET LOCAL search_path = {SYSTEM}, {APPLICATION}, pg_temp; SET LOCAL TimeZone = 'UTC';"
    " SET LOCAL standard_conforming_strings = on; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = postgres;"
    " SET LOCAL bytea_output = hex; SET LOCAL extra_float_digits = 1;"
    f" SET LOCAL lock_timeout = {int(PATIENCE * 1_000)}; SET LOCAL idle_in_transaction_session_timeout = 15000;"
    " SET LOCAL statement_timeout = {statement}"
)
READ: Final = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_SETTINGS}".format(statement=int(STATEMENT * 1_000))
WRITE: Final = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_SETTINGS}".format(statement=int(STATEMENT * 1_000))
DEFINE: Final = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_SETTINGS}".format(statement=int(DEFINITION * 1_000))

_WHAT = "the database of the application"


class Writers:
    """Lines that are lent to one transaction after the other."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._lines = Lines(parameters, _WHAT)
        self._idle: list[Line] = []
        self._free = asyncio.Semaphore(WRITERS)
        self._threads = ThreadPoolExecutor(WRITERS, thread_name_prefix="app-db")
        self._loop = asyncio.get_running_loop()
        self._watching = self._loop.call_later(_LOOK, self._watch)

    async def run(self, begin: str, work: Callable[[Connection], T], guard: Guard | None = None) -> T:
        """``work`` in a transaction; see :meth:`sojourn.data.port.Backend.write`."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._free.acquire()
        except TimeoutError:
            raise StoreBusy(f"{_WHAT} is busy; nothing was written") from None
        transaction = _Transaction(self._lines, self._idle, begin)
        try:
            return await self._lead(transaction, work, guard)
        finally:
            self._free.release()

    async def alone(self, work: Callable[[Lines], T]) -> T:
        """``work`` with the lines themselves, in a thread: for opening."""
        return await self._loop.run_in_executor(self._threads, work, self._lines)

    async def close(self) -> None:
        """Finish what is under way and hang up."""
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._lines.close)
        self._watching.cancel()

    async def _lead(self, transaction: _Transaction, work: Callable[[Connection], T], guard: Guard | None) -> T:
        try:
            result = await self._in_thread(lambda: transaction.begin_and_do(work), stop=transaction.stop)
            if guard is not None:
                await guard()
        except BaseException:
            await self._in_thread(transaction.undo)
            raise
        await self._in_thread(transaction.end)
        return result

    async def _in_thread(self, act: Callable[[], T], *, stop: Callable[[], None] | None = None) -> T:
        """A step of a transaction is finished before anybody hears of it, also when the caller has gone."""
        step = self._loop.run_in_executor(self._threads, act)
        gone: asyncio.CancelledError | None = None
        while not step.done():
            try:
                await asyncio.wait([step])
            except asyncio.CancelledError as error:
                if gone is None and stop is not None:
                    self._loop.run_in_executor(None, stop)
                gone = error
        if gone is not None:
            step.exception()
            raise gone
        return step.result()

    def _watch(self) -> None:
        self._lines.hang_up_the_silent()
        self._watching = self._loop.call_later(_LOOK, self._watch)


class _Transaction:
    """One transaction, step by step, each step in some thread."""

    def __init__(self, lines: Lines, idle: list[Line], begin: str) -> None:
        self._lines = lines
        self._idle = idle
        self._begin = begin
        self._line: Line | None = None
        self._open: Any = None

    def begin_and_do(self, work: Callable[[Connection], T]) -> T:
        with house_errors():
            line = self._line = self._started()
            line.patience = (DEFINITION if self._begin is DEFINE else STATEMENT) + _LONGER
            return line.work(work)

    def stop(self) -> None:
        """End the statement under way: nobody waits for it."""
        if self._line is not None:
            self._line.stop()

    def end(self) -> None:
        """Commit, where there is anything to."""
        if self._begin is READ:
            self.undo()
            return
        assert self._line is not None
        try:
            with house_errors():
                self._line.finish(self._open, lambda _connection: None)
        finally:
            self._give_back()

    def undo(self) -> None:
        """Nothing of it stays. Never fails."""
        if self._line is not None:
            self._line.undo(self._open)
            self._give_back()

    def _started(self) -> Line:
        """A line on which the transaction has begun."""
        if self._idle:
            line, at_once = self._idle.pop(), time.monotonic() + _AT_ONCE
            try:
                return self._begun(line)
            except FAULTS:
                # The server had hung up on a line that was idle, so that nothing has begun; one that is silent has not.
                if not line.broken or time.monotonic() > at_once:
                    raise
        return self._begun(self._lines.new())

    def _begun(self, line: Line) -> Line:
        line.patience = PATIENCE
        try:
            self._open = line.begin(self._begin)
        except BaseException:
            self._lines.discard(line)
            raise
        return line

    def _give_back(self) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        if line.broken:
            self._lines.discard(line)
        else:
            line.rest()
            self._idle.append(line)
