"""The records of accounts: read and written here and nowhere else, because each of them is signed.

The signature vouches for everything that a login follows from. A record that a foreign tool changed has none that fits:
nobody logs in with it, its sessions are refused, and it cannot be changed, only ended. What a foreign tool cannot be kept
from is to put back an older record together with its signature.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, insert, select, update

from sojourn.core import json
from sojourn.core.clock import Clock
from sojourn.core.errors import Conflict
from sojourn.engine.accounts.directory import UserUnknown, account_key
from sojourn.engine.database import schema
from sojourn.engine.keys.seals import Seals
from sojourn.model.session import EndReason
from sojourn.model.user import Account

_table = schema.account

#: What the signature covers, in this order.
_SIGNED = (
    "key",
    "directory",
    "name",
    "live_name",
    "email",
    "live_email",
    "state",
    "account_type",
    "password",
    "auth_epoch",
)

_COLUMNS = (*_SIGNED, "signature")

#: Stands in front of what is signed, so that another form of it is never taken for this one.
_FORM = "sojourn account 1"


class AccountTampered(Conflict):
    """The record of this account was changed from outside; only the host can vouch for it again."""

    code = "user.tampered"


class Record(NamedTuple):
    """An account with what only the rules of passwords look at."""

    account: Account
    #: The stored form of its password, None without one.
    password: str | None

    def __repr__(self) -> str:
        return f"Record({self.account.name!r}, …)"


class AccountSeal:
    """Signs records, and says of a record whether its signature fits."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = key

    async def start(self, seals: Seals) -> None:
        """Get the key: a secret of the engine, which lies in the database under the master key only."""
        self._key = await seals.secret("accounts")

    def sign(self, columns: Mapping[str, Any]) -> bytes:
        """The signature of a record with these columns."""
        assert self._key, "not started"
        text = json.encode([_FORM, *(columns[name] for name in _SIGNED)])
        return hmac.new(self._key, text, hashlib.sha256).digest()

    def fits(self, columns: Mapping[str, Any]) -> bool:
        """Whether a record has the signature that the engine gave it; False also for none."""
        shown = columns["signature"]
        return shown is not None and hmac.compare_digest(bytes(shown), self.sign(columns))

    def account(self, columns: Mapping[str, Any]) -> Account:
        """What the columns of a record say, without scopes. One that does not fit says that it is disabled."""
        intact = self.fits(columns)
        return Account(
            key=columns["key"],
            directory=columns["directory"],
            name=columns["name"],
            email=columns["email"],
            state=columns["state"] if intact else "disabled",
            account_type=columns["account_type"],
            auth_epoch=columns["auth_epoch"],
            intact=intact,
        )


class Accounts:
    """Reads and writes records, each act within the caller's transaction."""

    def __init__(self, seal: AccountSeal, clock: Clock) -> None:
        self.seal = seal
        self._clock = clock

    def insert(self, connection: Connection, columns: Mapping[str, Any]) -> Account:
        """Add a record; ``columns`` has all that the signature covers but state, type and epoch, which are as of a new one."""
        whole = {"state": "active", "account_type": "standard", "auth_epoch": 0, **columns}
        now, signature = self._clock.now(), self.seal.sign(whole)
        connection.execute(insert(_table).values(**whole, created=now, changed=now, signature=signature))
        return self.seal.account({**whole, "signature": signature})

    def get(self, connection: Connection, key: int) -> Record | None:
        """The record with ``key``; None when unknown or deleted."""
        row = connection.execute(selected().where(_table.c.key == key)).one_or_none()
        return self.record(row) if row else None

    def known(self, connection: Connection, key: int) -> Record:
        """The record with ``key``; raises ``UserUnknown``."""
        found = self.get(connection, key)
        if found is None:
            raise UserUnknown
        return found

    def find(self, connection: Connection, directory: str, user_id: str) -> Record | None:
        """The record with that name or mail address; None when there is none."""
        key = account_key(connection, directory, user_id)
        return None if key is None else self.get(connection, key)

    def change(self, connection: Connection, key: int, values: Mapping[str, Any]) -> Account:
        """Write columns and sign anew. Raises ``UserUnknown``, and :class:`AccountTampered` instead of vouching for what
        somebody else wrote.
        """
        columns = self._locked(connection, key)
        if not self.seal.fits(columns):
            raise AccountTampered
        return self._write(connection, {**columns, **values})

    def end(
        self,
        connection: Connection,
        key: int,
        reason: EndReason,
        *,
        values: Mapping[str, Any] | None = None,
        actor: str = "",
        rule: str = "",
    ) -> int:
        """Raise the ``authEpoch``, which ends all of the account for ``reason``, and write ``values`` with it; the new number.

        Also of a record that was changed from outside, which stays as unusable as it was, and of what a deleted account has
        left. Raises ``UserUnknown``.
        """
        columns = self._locked(connection, key, deleted=True)
        told = {"ended_reason": reason, "ended_actor": actor, "ended_rule": rule}
        connection.execute(update(_table).where(_table.c.key == key).values(**told))
        changed = {**columns, **(values or {}), "auth_epoch": columns["auth_epoch"] + 1}
        self._write(connection, changed, sign=self.seal.fits(columns))
        return int(changed["auth_epoch"])

    def vouch(self, connection: Connection, key: int) -> bool:
        """Sign a record as it stands, because the host says that it is right; False when it was right already.

        Raises ``UserUnknown``.
        """
        columns = self._locked(connection, key)
        if self.seal.fits(columns):
            return False
        self._write(connection, columns)
        return True

    def record(self, row: Row[*tuple[Any, ...]]) -> Record:
        """What a row of :func:`selected` says."""
        columns = row._asdict()
        return Record(self.seal.account(columns), columns["password"])

    def _locked(self, connection: Connection, key: int, *, deleted: bool = False) -> dict[str, Any]:
        wanted = selected(deleted=deleted).where(_table.c.key == key).with_for_update()
        row = connection.execute(wanted).one_or_none()
        if row is None:
            raise UserUnknown
        return row._asdict()

    def _write(self, connection: Connection, columns: Mapping[str, Any], *, sign: bool = True) -> Account:
        signature = self.seal.sign(columns) if sign else columns["signature"]
        whole = {**columns, "signature": signature}
        values = {name: value for name, value in whole.items() if name != "key"}
        changed = update(_table).where(_table.c.key == columns["key"]).values(**values, changed=self._clock.now())
        connection.execute(changed)
        return self.seal.account(whole)


def selected(*, deleted: bool = False) -> Select[*tuple[Any, ...]]:
    """The columns of records, those of deleted accounts only when asked for."""
    wanted = select(*(_table.c[name] for name in _COLUMNS))
    return wanted if deleted else wanted.where(_table.c.state != "deleted")
