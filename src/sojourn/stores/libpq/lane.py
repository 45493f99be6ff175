"""One connection with one statement under way, driven by the event loop.

psycopg connects (addresses, TLS, passwords, timeouts). The statements themselves go through its binding of libpq:
prepared once, all values in binary form, an answer complete when the server is ready again, that is after the commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import psycopg
from psycopg import pq

from sojourn.core.errors import OutcomeUnknown, StoreUnavailable
from sojourn.stores.libpq.failures import STATEMENT_LOST
from sojourn.stores.libpq.statement import Row, Statement, Value

_GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_BINARY = pq.Format.BINARY
#: That many parameters at most.
_FORMATS = [[_BINARY] * count for count in range(32)]


class Call:
    """A statement that somebody waits for."""

    __slots__ = ("due", "future", "parameters", "statement")

    def __init__(self, statement: Statement, parameters: Sequence[Value], due: float) -> None:
        self.statement = statement
        self.parameters = parameters
        #: When it has waited too long, by the loop's clock.
        self.due = due
        self.future: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()

    def answer(self, rows: list[Row]) -> None:
        """What came back."""
        if not self.future.done():
            self.future.set_result(rows)

    def refuse(self, error: Exception) -> None:
        """It has not happened, or nobody knows."""
        if not self.future.done():
            self.future.set_exception(error)

    def lose(self) -> None:
        """It was sent, and no answer will come."""
        self.refuse(OutcomeUnknown() if self.statement.writes else StoreUnavailable())


class Lane:
    """A connection. Once it serves, it tells when it can take the next call, and when it has broken."""

    def __init__(self, connection: psycopg.AsyncConnection) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._socket = self._pg.socket
        self._loop = asyncio.get_running_loop()
        self._freed: Callable[[Lane], None] | None = None
        self._lost: Callable[[Lane], None] | None = None
        self._results: list[pq.abc.PGresult] = []
        self._prepared: set[bytes] = set()
        self._preparing = False
        #: Whether statements are prepared by name; behind some proxies they cannot be.
        self.named = True
        #: The call under way.
        self.call: Call | None = None
        self._pg.nonblocking = 1
        self._loop.add_reader(self._socket, self._readable)

    async def first(self, statement: Statement) -> Row:
        """The one row that ``statement`` gives, before the lane serves."""
        call = Call(statement, (), 0)
        self.send(call)
        return (await call.future)[0]

    def serve(self, freed: Callable[[Lane], None], lost: Callable[[Lane], None]) -> None:
        """Say from now on when it is free, and when it is lost."""
        self._freed, self._lost = freed, lost

    def send(self, call: Call) -> None:
        """Begin ``call``; raises ``psycopg.OperationalError`` when nothing could be sent."""
        self.call = call
        try:
            self._send(call)
        except psycopg.OperationalError:
            self.call = None
            raise

    def close(self) -> None:
        """Hang up; a call under way is lost."""
        call, self.call = self.call, None
        if self._socket >= 0:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket = -1
        self._pg.finish()
        if call is not None:
            call.lose()

    def _send(self, call: Call) -> None:
        statement, formats = call.statement, _FORMATS[len(call.parameters)]
        if not self.named:
            self._pg.send_query_params(statement.sql, call.parameters, None, formats, _BINARY)
        elif statement.name in self._prepared:
            self._pg.send_query_prepared(statement.name, call.parameters, formats, _BINARY)
        else:
            self._preparing = True
            self._pg.send_prepare(statement.name, statement.sql)
        self._flush()

    def _flush(self) -> None:
        if self._pg.flush():
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        with suppress(psycopg.OperationalError):  # the reader sees it too, and knows what to do
            if self._pg.flush():
                return
        self._loop.remove_writer(self._socket)

    def _readable(self) -> None:
        try:
            self._pg.consume_input()
            while not self._pg.is_busy():
                result = self._pg.get_result()
                if result is None:
                    self._ready()
                    return
                self._results.append(result)
        except psycopg.OperationalError:
            self._break()

    def _break(self) -> None:
        self.close()
        if self._lost is not None:
            self._lost(self)

    def _ready(self) -> None:
        """The server waits for the next statement: what the last one came to is certain."""
        results, self._results = self._results, []
        call = self.call
        if self._pg.status != pq.ConnStatus.OK:
            self._break()
            return
        if call is None:
            return
        failed = next((result for result in results if result.status not in _GOOD), None)
        if failed is None and self._preparing:
            self._preparing = False
            self._prepared.add(call.statement.name)
            self._send(call)
            return
        if failed is not None and self._without_names(failed):
            self._send(call)
            return
        self.call, self._preparing = None, False
        if failed is not None:
            call.refuse(psycopg.errors.error_from_result(failed))
        else:
            call.answer(_rows(results[-1]))
        if self._freed is not None:
            self._freed(self)

    def _without_names(self, failed: pq.abc.PGresult) -> bool:
        """Go on without prepared statements when this was because of their names; nothing was executed."""
        state = failed.error_field(pq.DiagnosticField.SQLSTATE) or b""
        if not self.named or state.decode() not in STATEMENT_LOST:
            return False
        self.named = self._preparing = False
        return True


def _rows(result: pq.abc.PGresult) -> list[Row]:
    columns = range(result.nfields)
    return [[result.get_value(row, column) for column in columns] for row in range(result.ntuples)]
