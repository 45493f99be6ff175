"""AuthTokens: authorize, restore, update, revoke, list; who may, and what becomes of their children.

A token is a row of the engine database, so what is said here holds at the next check in every process, also when this
one dies right after its commit. What a token opens says :class:`~sojourn.engine.tokens.transients.Transients`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Insert, delete, false, func, insert, select, update

from sojourn.core.clock import Clock
from sojourn.core.errors import AuthTokenRefused, DelegatedHandle
from sojourn.core.ids import secret_hash
from sojourn.core.json import Json
from sojourn.core.prefixed import is_prefixed
from sojourn.engine.access import Access
from sojourn.engine.audit.log import Audit, Kind
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.ends import Ends
from sojourn.engine.security.actors import Actor, Actors
from sojourn.engine.tokens import records as token_records
from sojourn.engine.tokens.issuing import Authorized, Issuing, Order, audited, place
from sojourn.engine.tokens.records import TokenRecord
from sojourn.engine.tokens.rules import (
    MOST_LIVE,
    PERMANENT,
    AuthTokenUnknown,
    as_token,
    asking_token,
    check_fixed,
    expiry,
)
from sojourn.engine.tokens.script_scopes import ScriptFiles
from sojourn.engine.tokens.transients import PREFIX
from sojourn.model.session import End
from sojourn.model.token import AuthToken
from sojourn.model.user import Account

__all__ = ["AuthTokens", "Authorized", "Listed", "Used", "newest", "revoke_all_of", "revoke_of_sessions"]

_table, _scripts, _uses = schema.auth_token, schema.auth_token_script, schema.auth_token_use

#: Tokens of all accounts that are listed at once.
_MOST_LISTED = 20_000

#: The scope for acts on the tokens of others.
MANAGE = "security.manageTokens"


class Used(NamedTuple):
    """When a token was used; written up to half a minute late."""

    #: None = never.
    last: int | None = None
    uses: int = 0
    address: str = ""


class Listed(NamedTuple):
    """A token as its owner sees it."""

    record: TokenRecord
    used: Used


class AuthTokens:
    """The AuthTokens of all accounts."""

    def __init__(
        self,
        *,
        db: EngineDatabase,
        actors: Actors,
        scripts: ScriptFiles,
        ends: Ends,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._issuing = Issuing(db=db, actors=actors, scripts=scripts, audit=audit, clock=clock)
        self._db = db
        self._actors = actors
        self._files = scripts
        self._ends = ends
        self._audit = audit
        self._clock = clock

    async def authorize(
        self,
        actor: Actor,
        account: Account,
        token: AuthToken,
        realm_id: str,
        *,
        access: Access | None = None,
        authenticated: bool = False,
    ) -> Authorized:
        """Authorize ``token`` to act for ``account`` in a realm, or in every one (``*``).

        For the own account the scope is part of what the handle that asks may do; for another one it takes
        ``security.issueImpersonationToken`` and all that the other one has, and the token then carries the actor.

        Args:
            actor: Who asks.
            account: Whom the token acts for.
            token: What it shall be; afterwards its ``key``, ``user_key``, ``expires`` and scope are those that count.
            realm_id: Immutable id of the realm; ``*`` needs ``security.root``.
            access: The handle that asks, where one does. A delegated one makes a child of its own token.
            authenticated: Whether the account has just shown its password: then it is the account itself that asks.

        Raises:
            InsufficientScope: A word is not in the scope of who asks, or ``security.permanentToken`` or
                ``security.root`` is missing.
            DelegatedHandle: The handle may not hand on what it has.
            AuthTokenExpiry, BadScript, TooManyAuthTokens, UserUnknown: The token cannot be.
        """
        return await self._issuing.authorize(Order(actor, account, realm_id, access, authenticated), token)

    async def restore(self, text: str) -> AuthToken:
        """The object of a token by its text, expired or not; raises ``AuthTokenRefused`` ``unknown`` or ``revoked``."""
        digest = secret_hash(text) if is_prefixed(text, PREFIX) else b""
        record = await self._db.read(lambda connection: token_records.by_digest(connection, digest))
        if record is None or record.revoked is not None:
            raise AuthTokenRefused("revoked" if record else "unknown")
        return as_token(record)

    async def get(self, key: int) -> TokenRecord:
        """The token with ``key`` that was not revoked; raises :class:`AuthTokenUnknown`."""
        record = await self._db.read(lambda connection: token_records.by_key(connection, key))
        if record is None or record.revoked is not None:
            raise AuthTokenUnknown
        return record

    async def update(
        self, actor: Actor, token: AuthToken, *, access: Access | None = None, confirm: bool = False
    ) -> None:
        """Give an authorized token another ``description`` and ``expires``; its children die no later.

        ``confirm``: whether the scripts that it names may be as they are now, and not as they were. Raises
        :class:`AuthTokenUnknown`, ``AuthTokenFixed``, ``AuthTokenExpiry``, ``InsufficientScope``, ``DelegatedHandle``.
        """
        record = await self.get(token.key)
        await self._check_may(actor, record, access, itself=False)
        check_fixed(token, record)
        now, expires = self._clock.now(), token.expires
        # Where the token holds, and within what the handle that asks may do.
        there = PERMANENT in actor.in_realm.get(record.realm, actor.everywhere)
        permanent = actor.host or (there and (access is None or PERMANENT in access.scope))
        files = await self._files.digests(record.scope) if confirm else {}
        # What is not changed is not written: somebody else may have shortened it meanwhile.
        moved = expires != record.expires
        values = {"description": token.description, **({"expires": expires} if moved else {})}

        def work(connection: Connection) -> None:
            parent = None if record.parent is None else token_records.by_key(connection, record.parent)
            if moved:
                expiry(expires, now, parent, permanent=permanent)
            alive = (_table.c.key == record.key, _table.c.revoked.is_(None))
            if connection.execute(update(_table).where(*alive).values(values)).rowcount != 1:
                raise AuthTokenUnknown
            if moved and expires is not None:
                _shorten(connection, token_records.descendants(connection, [record.key]) - {record.key}, expires)
            for uri, digest in files.items():
                mine = (_scripts.c.token == record.key, _scripts.c.uri == uri)
                connection.execute(delete(_scripts).where(*mine))
                connection.execute(insert(_scripts).values(token=record.key, uri=uri, digest=digest))
            detail: dict[str, Json] = {"act": "confirmed" if confirm else "updated", "token": record.key}
            connection.execute(self._audited("TOKEN_CHANGE", actor, record.realm, detail | {"expires": expires}))

        await self._db.write(work)

    async def revoke(
        self, actor: Actor, key_or_text: int | str, *, access: Access | None = None, reason: str = "revoked"
    ) -> bool:
        """Revoke a token and all that it asked for; False when it was revoked before.

        Who shows its text may always; by its key its owner may, and who may act on the owner with
        ``security.manageTokens``. Sessions that it logged in end. Raises :class:`AuthTokenUnknown`, ``DelegatedHandle``,
        ``InsufficientScope``.
        """
        if isinstance(key_or_text, str):
            digest = secret_hash(key_or_text) if is_prefixed(key_or_text, PREFIX) else b""
            record = await self._db.read(lambda connection: token_records.by_digest(connection, digest))
        else:
            record = await self._db.read(lambda connection: token_records.by_key(connection, key_or_text))
        if record is None:
            raise AuthTokenUnknown
        if isinstance(key_or_text, int):
            await self._check_may(actor, record, access, itself=True)
        found = record

        def work(connection: Connection) -> Sequence[int]:
            gone = token_records.revoke_with_descendants(connection, [found.key], self._clock.now(), reason)
            if gone:
                detail: dict[str, Json] = {"token": found.key, "revoked": list(gone), "reason": reason}
                connection.execute(self._audited("TOKEN_REVOKE", actor, found.realm, detail))
            return gone

        gone = await self._db.write(work)
        if gone:
            await self._ends.of_tokens(found.account, gone, End("token-revoked", self._clock.now(), rule="revoked"))
        return bool(gone)

    async def list(self, account_key: int | None) -> Sequence[Listed]:
        """The tokens of an account, or of all (None), that were not revoked, oldest first, with their last use."""

        def work(connection: Connection) -> Sequence[Listed]:
            records = token_records.of_account(
                connection, account_key, MOST_LIVE * 2 if account_key is not None else _MOST_LISTED
            )
            used: dict[int, Used] = {}
            for at in range(0, len(records), 500):
                keys = [record.key for record in records[at : at + 500]]
                rows = connection.execute(select(_uses).where(_uses.c.token.in_(keys)))
                used |= {row.token: Used(row.last_used, row.uses, row.address) for row in rows}
            return [Listed(record, used.get(record.key, Used())) for record in records]

        return await self._db.read(work)

    async def _check_may(self, actor: Actor, record: TokenRecord, access: Access | None, *, itself: bool) -> None:
        """Raise unless ``actor`` may change a token; ``itself``: also a delegated handle the one on which it rests."""
        if actor.host:
            return
        delegated = actor.delegated or (access is not None and access.delegated)
        if delegated:
            mine = asking_token(access) if access is not None else 0
            kin = await self._db.read(lambda connection: token_records.descendants(connection, [mine]))
            if not mine or record.key not in kin or (record.key == mine and not itself):
                raise DelegatedHandle
        elif record.account != actor.key:
            await self._actors.check_over(actor, MANAGE, record.account, place(record.realm))

    def _audited(self, kind: Kind, actor: Actor, realm_id: str, detail: dict[str, Json]) -> Insert:
        return audited(self._audit, kind, actor, realm_id, detail)


def revoke_all_of(connection: Connection, account_key: int, now: int, reason: str) -> Sequence[int]:
    """Revoke every token of an account, and every one made in its name or by it, within the caller's transaction."""
    mine = (_table.c.account == account_key) | (_table.c.actor == account_key)
    keys = connection.execute(select(_table.c.key).where(mine, _table.c.revoked.is_(None))).scalars().all()
    return token_records.revoke_with_descendants(connection, keys, now, reason)


def newest(connection: Connection) -> int:
    """The key of the token that was authorized last, 0 when there is none; later ones have greater keys."""
    key: int = connection.execute(select(func.coalesce(func.max(_table.c.key), 0))).scalar_one()
    return key


def revoke_of_sessions(
    connection: Connection,
    account_key: int,
    sids: Iterable[str] | None,
    now: int,
    reason: str = "session-ended",
    *,
    but: str = "",
    after: int | None = None,
) -> Sequence[int]:
    """Revoke the tokens that these sessions of an account asked for, None = any session; in the caller's transaction.

    Those that it made in the name of others are among them. ``after``: also what any session but the one with the id
    ``but`` has asked for since :func:`newest` said this, because it may have begun after ``sids`` were listed.
    """
    mine = (_table.c.account == account_key) | (_table.c.actor == account_key)
    wanted = [mine, _table.c.revoked.is_(None), _table.c.session != ""]
    if sids is not None:
        listed = _table.c.session.in_(sorted(sids))
        later = (_table.c.key > after) & (_table.c.session != but) if after is not None else false()
        wanted.append(listed | later)
    keys = connection.execute(select(_table.c.key).where(*wanted)).scalars().all()
    return token_records.revoke_with_descendants(connection, keys, now, reason)


def _shorten(connection: Connection, keys: Iterable[int], expires: int) -> None:
    longer = _table.c.expires.is_(None) | (_table.c.expires > expires)
    connection.execute(update(_table).where(_table.c.key.in_(sorted(keys)), longer).values(expires=expires))
