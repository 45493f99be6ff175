"""One transaction on the connection that writes a file, while the gate is held: the engine database's, the application's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Transaction

from sojourn.core.errors import OutcomeUnknown
from sojourn.engine.database.sqlite import connections
from sojourn.engine.database.sqlite.faults import FAULTS, is_busy
from sojourn.engine.database.sqlite.gate import Deadline

T = TypeVar("T")


def transact(
    connection: Connection,
    work: Callable[[Connection], T],
    deadline: Deadline,
    before: Callable[[], None] | None = None,
) -> T:
    """What ``work`` gives, committed; ``before`` is asked last and calls the commit off by raising.

    Raises what ``deadline`` raises when a foreign tool holds SQLite's lock, ``OutcomeUnknown`` when it cannot be told whether
    the commit has happened, else what ``work``, ``before`` and the driver raise: then nothing was written.
    """
    with _begun(connection, deadline) as transaction:
        result = work(connection)
        if before is not None:
            before()
        _commit(connection, transaction)
    return result


def _begun(connection: Connection, deadline: Deadline) -> Transaction:
    while True:
        try:
            return connection.begin()
        except FAULTS as error:
            # Only a foreign tool can hold SQLite's own lock while we hold the gate.
            if not is_busy(error):
                raise
        deadline.pause()


def _commit(connection: Connection, transaction: Transaction) -> None:
    try:
        transaction.commit()
    except FAULTS as error:
        driver = connections.raw(connection)
        transaction.close()
        if driver.in_transaction:
            driver.rollback()
            raise
        raise OutcomeUnknown("the database failed while it committed") from error
