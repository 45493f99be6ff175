"""AuthTokens as they are stored, and the statements that find them; each runs within the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, select, update

from sojourn.engine.database import schema

_table, _scripts = schema.auth_token, schema.auth_token_script

#: Why a token is dead.
Dead = Literal["revoked", "expired"]

_COLUMNS: Final = (
    *("key", "digest", "account", "realm", "scope", "data", "description", "parent", "session", "actor"),
    *("created", "expires", "revoked", "revoked_reason"),
)

_NO_SCRIPTS: Mapping[str, bytes] = {}


class TokenRecord(NamedTuple):
    """One AuthToken, without its text."""

    key: int
    #: SHA-256 of the text.
    digest: bytes
    #: Key of the account that it acts for.
    account: int
    #: Immutable id of its realm, or ``*``.
    realm: str
    #: The words, script scopes among them, separated by one blank.
    scope: str
    data: str
    description: str
    #: Key of the token that asked for it, None without one.
    parent: int | None
    #: Public id of the session that asked for it, or empty.
    session: str
    #: Key of the account that impersonates :attr:`account`, None without one.
    actor: int | None
    created: int
    #: None = until it is revoked.
    expires: int | None
    revoked: int | None
    revoked_reason: str
    #: The scripts that may use it -> SHA-256 of the file, empty for what is no file; without any, everybody may.
    scripts: Mapping[str, bytes] = _NO_SCRIPTS

    @property
    def words(self) -> frozenset[str]:
        """The words of the scope."""
        return frozenset(self.scope.split())

    def dead(self, now: int) -> Dead | None:
        """Why it is dead at ``now``, None while it lives."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and now >= self.expires else None


def by_digest(connection: Connection, digest: bytes) -> TokenRecord | None:
    """The token with this digest, dead or not."""
    return _record(connection, connection.execute(_BY_DIGEST, {"wanted": digest}).one_or_none())


def by_key(connection: Connection, key: int) -> TokenRecord | None:
    """The token with this key, dead or not."""
    return _record(connection, connection.execute(_BY_KEY, {"wanted": key}).one_or_none())


def of_account(connection: Connection, account_key: int | None, limit: int) -> Sequence[TokenRecord]:
    """The tokens of an account, or of all, that were not revoked, oldest first."""
    wanted = _select().where(_table.c.revoked.is_(None))
    if account_key is not None:
        wanted = wanted.where(_table.c.account == account_key)
    rows = connection.execute(wanted.order_by(_table.c.key).limit(limit)).all()
    return [record for row in rows if (record := _record(connection, row)) is not None]


def descendants(connection: Connection, keys: Iterable[int]) -> frozenset[int]:
    """``keys`` with the tokens that these asked for, theirs included, and so on."""
    found, fresh = set[int](), set(keys)
    while fresh:
        found |= fresh
        children = select(_table.c.key).where(_table.c.parent.in_(sorted(fresh)))
        fresh = set(connection.execute(children).scalars()) - found
    return frozenset(found)


def revoke_with_descendants(connection: Connection, keys: Iterable[int], now: int, reason: str) -> Sequence[int]:
    """Revoke ``keys`` and their descendants; the keys of those that were not revoked before."""
    every = sorted(descendants(connection, keys))
    if not every:
        return ()
    live = (_table.c.key.in_(every), _table.c.revoked.is_(None))
    gone = update(_table).where(*live).values(revoked=now, revoked_reason=reason).returning(_table.c.key)
    return sorted(connection.execute(gone).scalars())


def _select() -> Select[*tuple[Any, ...]]:
    return select(*(_table.c[name] for name in _COLUMNS))


def _record(connection: Connection, row: Row[*tuple[Any, ...]] | None) -> TokenRecord | None:
    if row is None:
        return None
    # Only a script scope has rows there, so most tokens are one read.
    if ":" not in row.scope:
        return TokenRecord(*row)
    pairs = connection.execute(_SCRIPTS, {"of": row.key}).all()
    return TokenRecord(*row)._replace(scripts={pair.uri: pair.digest for pair in pairs})


_BY_DIGEST = _select().where(_table.c.digest == bindparam("wanted"))
_BY_KEY = _select().where(_table.c.key == bindparam("wanted"))
_SCRIPTS = select(_scripts.c.uri, _scripts.c.digest).where(_scripts.c.token == bindparam("of"))
