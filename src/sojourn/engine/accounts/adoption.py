"""Signs the account records of before signatures: once for a master key, at the first start that has it.

A record without a signature is unusable, so that whoever can write to the database gains nothing by taking signatures
away. Only the records of an older version have none and are right. That they were signed is noted in a file beside the
master key, where no SQL reaches; where that file is, or cannot be made, nothing is signed by itself, and the host says
with ``sojourn users sign`` which records are right.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, select

from sojourn.engine.accounts.records import Accounts, selected
from sojourn.engine.database import EngineDatabase, schema

_log = logging.getLogger(__name__)

_table = schema.account

_NOTE = b"The accounts of this installation are signed. Keep this file with the master key, and copy it with it.\n"


def mark_beside(master_key: Path) -> Path:
    """Where it is noted that the accounts under this master key are signed."""
    return master_key.with_name(f"{master_key.name}.signed")


async def adopt(db: EngineDatabase, accounts: Accounts, mark: Path) -> int:
    """Sign what was never signed, unless that was done before; how many records. On disk when this returns."""
    if await asyncio.to_thread(mark.exists):
        return 0
    pending = mark.with_name(f"{mark.name}.partly")
    if not _note(pending):
        unsigned = len(await db.read(_unsigned))
        if unsigned:
            _log.warning("%d account records have no signature and cannot be used: sojourn users sign", unsigned)
        return 0

    def work(connection: Connection) -> int:
        return sum(accounts.vouch(connection, key) for key in _unsigned(connection))

    count = await db.write(work) if await db.read(_unsigned) else 0
    # Only now: a process that dies before this line leaves an engine that begins anew, and none that has lost records.
    pending.replace(mark)
    return count


async def tampered(db: EngineDatabase, accounts: Accounts) -> Sequence[str]:
    """The accounts whose record was changed from outside, as ``directory/name``."""

    def work(connection: Connection) -> Sequence[str]:
        found = [accounts.record(row).account for row in connection.execute(selected().order_by(_table.c.key))]
        return [f"{account.directory}/{account.name}" for account in found if not account.intact]

    return await db.read(work)


def _unsigned(connection: Connection) -> Sequence[int]:
    wanted = select(_table.c.key).where(_table.c.signature.is_(None), _table.c.state != "deleted")
    return connection.execute(wanted.order_by(_table.c.key)).scalars().all()


def _note(place: Path) -> bool:
    """Write the note for nobody but us to read; False when it cannot be."""
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(_NOTE)
        file.flush()
        os.fsync(file.fileno())
    return True
