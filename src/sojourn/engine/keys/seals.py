"""Seals secrets of the engine database under the master key, and changes that key.

The database names the key that is in force. Whoever seals looks there in the same transaction, so that nothing is ever
sealed under a key that was replaced a moment ago; whoever opens and cannot looks into the key's file again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Insert, insert, select, update

from sojourn.core.crypto import MasterKey
from sojourn.core.errors import Conflict, MasterKeyMissing
from sojourn.core.masterkey import MasterKeyFile
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, RowConflict, schema
from sojourn.engine.keys.sealed import SEALED, Sealed, bound_secret, unlisted

_SECRET = 32
_installation, _secret = schema.installation, schema.engine_secret


class NoKeyFile(Conflict):
    """The master key of this engine lies in no file that could be changed."""

    code = "keys.no_file"


class Rekeyed(NamedTuple):
    """What a change of the master key did."""

    #: How many values were sealed anew.
    sealed: int
    #: Where the old key was put; None when it was removed.
    old: Path | None


class Seals:
    """Seals and opens. A value opens only for what it was bound to."""

    def __init__(
        self, db: EngineDatabase, master: MasterKey, audit: Audit, *, file: MasterKeyFile | None = None
    ) -> None:
        self._db = db
        self._audit = audit
        self._file = file
        #: Keys that this process has seen by name; the one that was tried last with success comes first.
        self._known: Sequence[MasterKey] = (master,)
        self._secrets: dict[str, bytes] = {}
        self._started = False

    async def start(self) -> None:
        """Find the key in force; put it into its place where a change of it broke off before it could.

        Raises ``MasterKeyMissing`` when it is none of those that this process can read.
        """
        if self._started:
            return
        wanted = await self._db.read(_in_force)
        if not wanted:
            wanted = await self._db.write(self._adopt)
        self._use(wanted)
        self._finish(wanted)
        self._started = True

    def seal(self, connection: Connection, plain: bytes, bound_to: str) -> bytes:
        """``plain`` under the key in force, to be stored in this very transaction. Raises ``MasterKeyMissing``.

        The column it goes to stands in :data:`sojourn.engine.keys.sealed.SEALED`.
        """
        # A change of the key waits for this transaction, or this one for that.
        wanted = connection.execute(select(_installation.c.master).with_for_update(read=True)).scalar_one()
        return (self._use(wanted) if wanted else self._known[0]).seal(plain, bound_to)

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """The plain value; raises ``MasterKeyMissing`` when none of the keys that can be read opens it."""
        for key in self._known:
            with suppress(MasterKeyMissing):
                return key.open(sealed, bound_to)
        self._look_again()
        for key in self._known[1:]:
            with suppress(MasterKeyMissing):
                return key.open(sealed, bound_to)
        return self._known[0].open(sealed, bound_to)

    async def secret(self, name: str) -> bytes:
        """The engine's secret of that name: 256 random bits, made when it is first asked for, the same in every process."""
        found = self._secrets.get(name)
        if found is None:
            found = self._secrets[name] = await self._read_secret(name) or await self._make_secret(name)
        return found

    async def rekey(self, *, actor: str = "", keep_old: bool = True) -> Rekeyed:
        """Change the master key: a new one, with everything sealed anew.

        The new key is on disk before anything is sealed under it, all of that is one transaction, and the file is put
        into place after it: a process that dies at any point leaves an engine that starts. Raises :class:`NoKeyFile`,
        ``RekeyUnderWay``, ``MasterKeyMissing`` when something does not open under the old key: then nothing has changed.
        """
        if self._file is None:
            raise NoKeyFile
        await self.start()
        with self._file.changing():
            return await self._change(self._file, actor, keep_old=keep_old)

    async def _change(self, file: MasterKeyFile, actor: str, *, keep_old: bool) -> Rekeyed:
        wanted = await self._db.read(_in_force)
        if any(key.name == wanted for key in _at(file.next)):
            file.promote()
        self._use(wanted)
        old = await asyncio.to_thread(file.keep)
        new = await asyncio.to_thread(file.write_next)
        audited = self._audit.row("KEY_CHANGE", realm="", outcome="ok", actor=actor, detail={"act": "rekeyed"})
        count = await self._db.write(lambda connection: self._reseal(connection, new, audited))
        self._known = (new, *self._known)
        file.promote()
        if not keep_old:
            old.unlink()
        return Rekeyed(count, old if keep_old else None)

    def _reseal(self, connection: Connection, new: MasterKey, audited: Insert) -> int:
        missing = unlisted()
        assert not missing, f"not in sealed.SEALED: {missing}"
        # First of all: who seals meanwhile waits for this row.
        connection.execute(update(_installation).values(master=new.name))
        count = sum(self._reseal_column(connection, one, new) for one in SEALED)
        connection.execute(audited)
        return count

    def _reseal_column(self, connection: Connection, one: Sealed, new: MasterKey) -> int:
        count = 0
        for row in connection.execute(select(one.table)).all():
            sealed = getattr(row, one.column.name)
            if sealed:
                bound_to = one.bound_to(self._db.installation, row)
                again = new.seal(self.open(sealed, bound_to), bound_to)
                connection.execute(update(one.table).where(one.table.c.key == row.key).values({one.column: again}))
                count += 1
        return count

    def _adopt(self, connection: Connection) -> str:
        """Name the key of a database that names none yet, when it opens everything in there."""
        known = _in_force(connection)
        if known:
            return known
        for one in SEALED:
            for row in connection.execute(select(one.table)).all():
                if sealed := getattr(row, one.column.name):
                    self._known[0].open(sealed, one.bound_to(self._db.installation, row))
        connection.execute(update(_installation).values(master=self._known[0].name))
        return self._known[0].name

    def _use(self, name: str) -> MasterKey:
        """The key of that name, first among the known from now on."""
        if self._known[0].name != name:
            if all(key.name != name for key in self._known):
                self._look_again()
            named = [key for key in self._known if key.name == name]
            if not named:
                raise MasterKeyMissing("the master key does not fit the sealed keys of this project")
            self._known = (*named, *(key for key in self._known if key.name != name))
        return self._known[0]

    def _look_again(self) -> None:
        if self._file is not None:
            names = {key.name for key in self._known}
            with suppress(MasterKeyMissing):
                self._known = (*self._known, *(key for key in self._file.read() if key.name not in names))

    def _finish(self, wanted: str) -> None:
        if self._file is None or not os.path.exists(self._file.next):  # noqa: PTH110 - a link is as good as a file
            return
        # Somebody else may be about it this moment, or the folder may not be ours: then it stays as it is and works.
        with suppress(Conflict, MasterKeyMissing, OSError), self._file.changing():
            if any(key.name == wanted for key in _at(self._file.next)):
                self._file.promote()

    async def _read_secret(self, name: str) -> bytes | None:
        wanted = select(_secret.c.sealed).where(_secret.c.name == name)
        sealed = await self._db.read(lambda connection: connection.execute(wanted).scalar_one_or_none())
        return self.open(sealed, bound_secret(self._db.installation, name)) if sealed else None

    async def _make_secret(self, name: str) -> bytes:
        plain = os.urandom(_SECRET)

        def work(connection: Connection) -> None:
            sealed = self.seal(connection, plain, bound_secret(self._db.installation, name))
            connection.execute(insert(_secret).values(name=name, sealed=sealed))

        try:
            await self._db.write(work)
        except RowConflict:
            # Another process made it at the same moment; its own stands.
            found = await self._read_secret(name)
            assert found is not None
            return found
        return plain


def _in_force(connection: Connection) -> str:
    return str(connection.execute(select(_installation.c.master)).scalar_one())


def _at(place: Path) -> Sequence[MasterKey]:
    with suppress(MasterKeyMissing):
        return MasterKeyFile(place).read()
    return ()
