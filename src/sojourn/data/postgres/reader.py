"""One connection of the reader: statements of authors, one at a time, with an eye on time, rows and bytes.

A statement goes by the extended protocol, which takes one and no more, so that no text can end its transaction. The
server ends it when its time is over; whoever hears nothing after that hangs up.
"""

from __future__ import annotations

import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer

from sojourn.core.clock import SECOND
from sojourn.core.errors import SojournError
from sojourn.data.errors import BadParameters, BadStatement, DatabaseUnavailable, ResultTooLarge
from sojourn.data.port import Bounds, Cell
from sojourn.data.postgres.faults import of_authors
from sojourn.data.postgres.values import ADAPTERS, TIMESTAMP, Bound, in_utc
from sojourn.stores.libpq.connecting import PATIENCE, connect_here

if sys.platform != "win32":
    import fcntl
    import termios

#: Milliseconds that a question of ours may take.
_PATIENCE = int(PATIENCE * SECOND)

#: Rows that are decoded at once.
_CHUNK = 256
#: Seconds between two looks whether the caller is still there.
_TICK = 0.05

#: Seconds that the server may be silent after it should have ended a statement by itself.
GRACE = 1.5

#: Bytes that are read away after a statement was stopped, and of an answer to a question of ours; rows of one.
_REST = 1 << 24
_OURS = 100_000

_DONE: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_ROWS: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.SINGLE_TUPLE, pq.ExecStatus.TUPLES_CHUNK)
#: The oldest libpq that gives rows in chunks.
_CHUNKING = 170_000
#: The protocol counts them in 16 bits.
_MOST_PARAMETERS: Final = 65_535


class Field(NamedTuple):
    """A column of a result, and where it comes from."""

    name: str
    oid: int
    #: Table and place of the column in it; 0 for what is computed.
    table: int
    place: int


class Allowance:
    """What is left of the bounds of a call; several statements share it."""

    def __init__(self, bounds: Bounds) -> None:
        #: Set when the caller has gone.
        self.stopped = threading.Event()
        self.renew(bounds)

    @classmethod
    def of(cls, milliseconds: int) -> Allowance:
        """For a question of ours."""
        return cls(Bounds(milliseconds, _OURS, _REST))

    def part(self, milliseconds: int) -> Allowance:
        """For a question of ours within it, that is answered at once or not at all."""
        found = Allowance.of(min(self.left, milliseconds))
        found.stopped = self.stopped
        return found

    def renew(self, bounds: Bounds) -> None:
        """All of it from now on."""
        self.due = time.monotonic() + bounds.time / SECOND
        self.rows = bounds.rows
        self.size = bounds.size

    @property
    def left(self) -> int:
        """Milliseconds, at least 1: 0 would be for ever."""
        return max(1, int((self.due - time.monotonic()) * SECOND))

    @property
    def over(self) -> bool:
        """Whether the time has passed."""
        return time.monotonic() >= self.due

    def take_rows(self, count: int) -> None:
        """Raise ``ResultTooLarge`` when there are more than there may be."""
        self.rows -= count
        if self.rows < 0:
            raise ResultTooLarge

    def take_bytes(self, count: int) -> None:
        """The same for bytes."""
        self.size -= count
        if self.size < 0:
            raise ResultTooLarge


class Found(NamedTuple):
    """A result."""

    fields: Sequence[Field]
    rows: list[tuple[Cell, ...]]


class Reader:
    """A connection. One thread at a time uses it."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Connect. Raises ``psycopg.Error``, ``StoreUnavailable``."""
        self._driver = connect_here(parameters)
        self._pg = self._driver.pgconn
        self._pg.nonblocking = 1
        self._descriptor = self._pg.socket
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._descriptor, selectors.EVENT_READ)
        #: Whether a statement is under way.
        self._busy = False
        self._cancelled = False

    @property
    def broken(self) -> bool:
        """Whether nothing more can be said on it."""
        return self._driver.closed or self._pg.status != pq.ConnStatus.OK

    def command(self, sql: str, allowance: Allowance) -> None:
        """Statements of ours that give no rows anybody wants. Raises as :meth:`ask`."""
        self._send(lambda: self._pg.send_query(sql.encode()))
        for _ in self._results(allowance):
            pass

    def ask(self, sql: str, values: Sequence[Bound], allowance: Allowance) -> Found:
        """What one statement gives. Raises what :func:`of_authors` makes, ``ResultTooLarge``, ``DatabaseUnavailable``."""
        if len(values) > _MOST_PARAMETERS:
            raise BadParameters(f"a statement has at most {_MOST_PARAMETERS} parameters")
        try:
            text = sql.encode()
        except UnicodeEncodeError:
            raise BadStatement("a statement holds half of a pair of characters") from None
        texts, oids = [value.text for value in values], [value.oid for value in values]
        self._send(lambda: self._pg.send_query_params(text, texts, oids))
        if pq.version() >= _CHUNKING:
            self._pg.set_chunked_rows_mode(_CHUNK)
        else:
            self._pg.set_single_row_mode()
        found = Found([], [])
        try:
            for result in self._results(allowance):
                found = self._collected(result, found, allowance)
        except SojournError:
            self._abandon()
            raise
        return found

    def names(self, sql: str, names: Sequence[str], allowance: Allowance) -> list[str]:
        """A question of ours about names: the first column of what it gives."""
        found = self.ask(sql, [Bound(0, _list_of(names))], allowance.part(_PATIENCE))
        return [str(row[0]) for row in found.rows]

    def end(self) -> None:
        """Undo all that the transaction did, and let go of what would outlive it; hang up when that fails."""
        if self.broken:
            self.close()
            return
        try:
            self.command("ROLLBACK; SELECT pg_advisory_unlock_all()", Allowance.of(SECOND))
        except (psycopg.Error, DatabaseUnavailable, ResultTooLarge):
            self.close()

    def close(self) -> None:
        """Hang up."""
        self._selector.close()
        self._driver.close()

    def _send(self, send: Callable[[], None]) -> None:
        try:
            send()
        except psycopg.OperationalError as error:
            self.close()
            raise DatabaseUnavailable from error
        self._busy = True

    def _collected(self, result: pq.abc.PGresult, before: Found, allowance: Allowance) -> Found:
        if result.status not in _ROWS:
            return before
        fields = before.fields or [_field(result, place) for place in range(result.nfields)]
        rows = before.rows
        if result.ntuples:
            allowance.take_rows(result.ntuples)
            transformer = Transformer(_Context(self._driver))
            transformer.set_pgresult(result)
            try:
                rows.extend(_with_zones(fields, transformer.load_rows(0, result.ntuples, tuple)))
            except psycopg.Error as error:
                raise of_authors(error) from error
        return Found(fields, rows)

    def _results(self, allowance: Allowance) -> Iterator[pq.abc.PGresult]:
        """Each result as it comes; raises the error of the server at the end, when it waits for the next statement."""
        failed: pq.abc.PGresult | None = None
        while (result := self._next(allowance)) is not None:
            if result.status in _DONE or result.status in _ROWS:
                yield result
            else:
                failed = failed or result
        self._busy = self._cancelled = False
        if failed is not None:
            raise of_authors(psycopg.errors.error_from_result(failed))
        if self.broken:
            raise DatabaseUnavailable

    def _next(self, allowance: Allowance) -> pq.abc.PGresult | None:
        try:
            while self._pg.flush() or self._pg.is_busy():
                self._wait(allowance)
            return self._pg.get_result()
        except psycopg.OperationalError as error:
            self.close()
            raise DatabaseUnavailable from error

    def _wait(self, allowance: Allowance) -> None:
        if self._selector.select(_TICK):
            allowance.take_bytes(_waiting(self._descriptor))
            self._pg.consume_input()
        elif time.monotonic() > allowance.due + GRACE:
            self.close()
            raise DatabaseUnavailable("the database does not answer")
        if allowance.stopped.is_set() and not self._cancelled:
            self._cancelled = True
            self._stop()

    def _abandon(self) -> None:
        """Stop the statement under way and read away what is still to come, or hang up when that is much."""
        if self.broken or not self._busy:
            return
        self._stop()
        rest = Allowance.of(0)
        try:
            for _ in self._results(rest):
                pass
        except ResultTooLarge:
            self.close()
        except SojournError:
            pass  # it was stopped, as was asked

    def _stop(self) -> None:
        """Ask the server to stop the statement under way; hang up when it does not take the question."""
        try:
            self._driver.cancel_safe(timeout=GRACE)
        except (psycopg.Error, OSError):
            with suppress(psycopg.Error):
                self.close()


class _Context:
    """Whose adapters a result is decoded by."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.adapters = ADAPTERS
        self.connection = connection


def _list_of(names: Sequence[str]) -> bytes:
    return ("{" + ",".join('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names) + "}").encode()


def _field(result: pq.abc.PGresult, place: int) -> Field:
    name = (result.fname(place) or b"").decode()
    return Field(name, result.ftype(place), result.ftable(place), result.ftablecol(place))


def _with_zones(fields: Sequence[Field], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    places = {place for place, field in enumerate(fields) if field.oid == TIMESTAMP}
    if not places:
        return rows
    return [tuple(in_utc(cell) if place in places else cell for place, cell in enumerate(row)) for row in rows]


def _waiting(descriptor: int) -> int:
    """How many bytes the connection has for us: also a single value that would fill the memory is seen in time."""
    if sys.platform == "win32":
        return 0
    count = bytearray(4)
    fcntl.ioctl(descriptor, termios.FIONREAD, count)
    return int.from_bytes(count, sys.byteorder)
