"""Connections to the engine database: one for each thread that asks, hung up when the server falls silent."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from typing import Any

import psycopg
from psycopg import pq
from sqlalchemy import Connection, Engine, Transaction, create_engine, event
from sqlalchemy.pool import NullPool

from sojourn.core.errors import OutcomeUnknown
from sojourn.engine.database.port import T
from sojourn.engine.database.postgres.faults import FAULTS
from sojourn.stores.libpq.connecting import PATIENCE, connect_here, examine
from sojourn.stores.libpq.statement import PROBE

_LONGER = 0.25

#: Seconds that asking the server to stop may take.
_STOP = 2.0

#: Under which name a connection knows its line.
_LINE = "sojourn.line"

#: Seconds that one row of many may take.
_A_ROW = 0.005

#: A synchronous replica may be waited for longer than a statement runs; to cut that short would acknowledge a change
#: that the replica has not.
_COMMIT = "SET LOCAL statement_timeout = 0; COMMIT"


class Line:
    """One connection. A thread uses it; another one may hang it up."""

    def __init__(self, engine: Engine, what: str) -> None:
        self._engine = engine
        self._what = what
        self._due = inf
        self._socket: socket.socket | None = None
        self._driver: psycopg.Connection[Any] | None = None
        self._connection: Connection | None = None
        #: Seconds that the server may be silent; longer than a transaction waits for others.
        self.patience = PATIENCE + _LONGER

    @property
    def broken(self) -> bool:
        """Whether nothing more can be said on it."""
        broken = self._driver is None or self._driver.closed
        return broken or self._connection is None or self._connection.invalidated

    def connect(self) -> None:
        """Connect. Raises the errors of the driver, ``StoreReadOnly``, ``StoreUnavailable``."""
        try:
            self._connection = self._engine.connect()
            self._connection.info[_LINE] = self
        except BaseException:
            self.close()
            raise
        finally:
            self.rest()

    def hold(self, driver: psycopg.Connection[Any]) -> None:
        """Use ``driver`` from now on, if the server behind it is good for anything."""
        self._driver = driver
        # A descriptor of our own, so that hanging up never meets another connection that got the number.
        self._socket = socket.socket(fileno=os.dup(driver.pgconn.socket))
        self.listen()
        replica, isolation, encoding, _ = driver.execute(PROBE.sql).fetchone() or (True, "", "", "")
        examine(replica=replica, isolation=isolation, encoding=encoding)

    def listen(self, rows: int = 0) -> None:
        """Something was asked: the server may be silent for so long, and longer where many ``rows`` were sent at once."""
        self._due = time.monotonic() + self.patience + rows * _A_ROW

    def rest(self) -> None:
        """Nothing is asked: it may be silent for as long as it likes."""
        self._due = inf

    def hang_up_when_silent(self, now: float) -> None:
        """End the wait of its thread with an error when the server has been silent for too long."""
        if self._due <= now:
            self.rest()
            line = self._socket
            if line is not None:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)

    def begin(self, statements: str) -> Transaction:
        """Begin a transaction with ``statements``. Raises the errors of the driver."""
        assert self._connection is not None
        transaction = self._connection.begin()
        try:
            self._connection.exec_driver_sql(statements)
        except BaseException:
            transaction.close()
            self.rest()
            raise
        return transaction

    def finish(self, transaction: Transaction, work: Callable[[Connection], T]) -> T:
        """Do ``work`` in it and commit. Raises what ``work`` raises, the errors of the driver, ``OutcomeUnknown``."""
        assert self._connection is not None
        try:
            with transaction:
                result = work(self._connection)
                self._commit(transaction)
        finally:
            self.rest()
        return result

    def work(self, work: Callable[[Connection], T]) -> T:
        """Do ``work`` in the transaction that was begun, which stays open. Raises what ``work`` and the driver raise."""
        assert self._connection is not None
        try:
            return work(self._connection)
        finally:
            self.rest()

    def undo(self, transaction: Transaction) -> None:
        """Roll back. Never fails: a server that does not hear it has rolled back itself."""
        self.listen()
        try:
            with suppress(*FAULTS):
                transaction.close()
        finally:
            self.rest()

    def stop(self) -> None:
        """Ask the server, from another thread, to end the statement under way."""
        driver = self._driver
        if driver is not None:
            with suppress(psycopg.Error, OSError):
                driver.cancel_safe(timeout=_STOP)

    def close(self) -> None:
        """Hang up."""
        self.rest()
        with suppress(*FAULTS):
            if self._connection is not None:
                self._connection.close()
            elif self._driver is not None:
                self._driver.close()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _commit(self, transaction: Transaction) -> None:
        assert self._connection is not None
        assert self._driver is not None
        if self._driver.info.transaction_status != pq.TransactionStatus.INTRANS:
            # COMMIT would undo it all and call that a success.
            raise AssertionError("a statement has failed, and the work went on")
        try:
            self._connection.exec_driver_sql(_COMMIT)
            transaction.commit()
        except FAULTS as error:
            if self.broken:
                raise OutcomeUnknown(f"{self._what} failed while it committed") from error
            raise


class Lines:
    """Lines to one database: one for each thread that asks for its own, and those that were made for somebody."""

    def __init__(self, parameters: dict[str, Any], what: str = "the engine database") -> None:
        self._parameters = parameters
        self._what = what
        self._engine = create_engine(
            "postgresql+psycopg://", creator=self._connect, poolclass=NullPool, use_native_hstore=False
        )
        event.listen(self._engine, "before_cursor_execute", self._listen)
        self._here = threading.local()
        self._all: list[Line] = []
        self._lock = threading.Lock()

    def mine(self) -> tuple[Line, bool]:
        """The line of this thread, and whether it was made just now."""
        line: Line | None = getattr(self._here, "line", None)
        if line is not None and not line.broken:
            return line, False
        return self.renewed(), True

    def renewed(self) -> Line:
        """A new line for this thread, instead of the one that it has. Raises as :meth:`Line.connect`."""
        self.drop()
        line = self._here.line = self.new()
        return line

    def drop(self) -> None:
        """Hang up the line of this thread."""
        line: Line | None = getattr(self._here, "line", None)
        if line is not None:
            self._here.line = None
            self.discard(line)

    def new(self) -> Line:
        """A line that whoever asked may hand from thread to thread. Raises as :meth:`Line.connect`."""
        line = self._here.making = Line(self._engine, self._what)
        with self._lock:
            self._all.append(line)
        try:
            line.connect()
        except BaseException:
            self.discard(line)
            raise
        return line

    def discard(self, line: Line) -> None:
        """Hang it up; nobody uses it any more."""
        with self._lock:
            self._all.remove(line)
        line.close()

    def hang_up_the_silent(self) -> None:
        """Hang up each line whose server has been silent for too long."""
        now = time.monotonic()
        with self._lock:
            for line in self._all:
                line.hang_up_when_silent(now)

    def close(self) -> None:
        """Hang up all of them; no thread uses one any more."""
        with self._lock:
            for line in self._all:
                line.close()
            self._all.clear()
        self._engine.dispose()

    def _connect(self) -> psycopg.Connection[Any]:
        driver = connect_here(self._parameters)
        try:
            self._here.making.hold(driver)
        except BaseException:
            driver.close()
            raise
        return driver

    def _listen(
        self, connection: Connection, _cursor: object, _text: str, rows: Sequence[object], *context_and_many: object
    ) -> None:
        line: Line = connection.info.get(_LINE) or self._here.making
        line.listen(len(rows) if context_and_many[-1] else 0)
