"""What is said of a token to who may ask [RFC 7662], and taking one back by who holds it [RFC 7009].

Whatever is wrong with a token, it is *inactive*: unknown, expired, revoked, of another realm, of another purpose. Nothing
that is asked here counts as a use of the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sojourn.core.clock import SECOND, Clock
from sojourn.core.errors import Forbidden, NotFound, StaleSession, Unauthorized
from sojourn.core.json import Json
from sojourn.engine.access import Access
from sojourn.engine.audit.log import Audit
from sojourn.engine.ends.ends import Ends
from sojourn.engine.security.actors import Actor
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens import refresh
from sojourn.engine.tokens.access_tokens import Tokens
from sojourn.engine.tokens.authtokens import AuthTokens
from sojourn.engine.tokens.bearers import kind_of
from sojourn.engine.tokens.refresh import Refreshes
from sojourn.model.realm import Realm
from sojourn.model.session import End

#: What is said of every token that does not hold, and nothing else.
INACTIVE: Final[Mapping[str, Json]] = {"active": False}

#: What may be wrong with a token. That the store cannot be asked is none of it.
_REFUSALS = (Unauthorized, Forbidden, NotFound)

_TYPES: Final[Mapping[str, str]] = {"jwt": "at+jwt", "auth": "auth_token", "session": "session_token"}


class Inspection:
    """Describes and revokes the tokens of all realms."""

    def __init__(
        self,
        *,
        tokens: Tokens,
        sessions: Sessions,
        refreshes: Refreshes,
        auth_tokens: AuthTokens,
        ends: Ends,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._refreshes = refreshes
        self._auth_tokens = auth_tokens
        self._ends = ends
        self._audit = audit
        self._clock = clock

    async def describe(self, realm: Realm, text: str) -> Mapping[str, Json]:
        """What a token may now, under the names of RFC 7662; :data:`INACTIVE` for whatever does not hold.

        ``scope`` is the effective one: what a request with this token could do. Raises ``Unavailable``.
        """
        try:
            if text.startswith(refresh.PREFIX):
                return await self._describe_refresh(realm, text)
            access = await self._open(realm, text)
        except _REFUSALS:
            return INACTIVE
        about = _about(access) | {"token_type": _TYPES[kind_of(text)]}
        if access.token is not None:
            claims = access.token.all
            return about | {name: claims[name] for name in ("iss", "aud", "iat", "jti") if name in claims}
        return about

    async def revoke(self, realm: Realm, text: str, *, address: str = "") -> bool:
        """Take back a token that is shown; whether there was one that held.

        A JWT goes with those that were asked for with it, its session stays. With a refresh token its session ends, reason
        ``token-revoked``: it stands for the whole login. An AuthToken goes with its children and the sessions that it
        logged in; a session token goes alone. Raises ``Unavailable``.
        """
        try:
            if text.startswith(refresh.PREFIX):
                return await self._revoke_refresh(realm, text, address)
            if kind_of(text) == "auth":
                record = await self._sessions.transients.find(realm, text)
                return await self._auth_tokens.revoke(Actor("", record.account, address=address), text)
            access = await self._open(realm, text)
            await self._audited(access, kind_of(text), address)
            if access.token is None:
                await self._sessions.transients.session_tokens.drop(access)
                return True
            return await self._tokens.unlist(realm, access.session, access.token_hash)
        except (*_REFUSALS, StaleSession):
            return False

    async def _open(self, realm: Realm, text: str) -> Access:
        kind = kind_of(text)
        if kind == "auth":
            return await self._sessions.transients.open_token(realm, text)
        if kind == "session":
            return await self._sessions.transients.session_tokens.open(realm, text)
        return await self._sessions.open_token(realm, await self._tokens.verify(realm, text))

    async def _describe_refresh(self, realm: Realm, text: str) -> Mapping[str, Json]:
        found = await self._refreshes.find(realm, text)
        if found is None:
            return INACTIVE
        access, kept = found
        return _about(access) | {"token_type": "refresh_token", "exp": kept.until // SECOND}

    async def _revoke_refresh(self, realm: Realm, text: str, address: str) -> bool:
        found = await self._refreshes.find(realm, text)
        if found is None:
            return False
        access, _ = found
        await self._audited(access, "refresh", address)
        ended = await self._ends.write(access.session, End("token-revoked", self._clock.now()), address)
        return ended is not None and ended.now

    async def _audited(self, access: Access, kind: str, address: str) -> None:
        identity = access.session.identity
        await self._audit.record(
            "TOKEN_REVOKE",
            realm=access.realm.id,
            outcome="ok",
            actor=identity.subject or identity.user_name,
            session=access.session.id,
            address=address,
            detail={"token": kind},
        )


def _about(access: Access) -> dict[str, Json]:
    """What is said of every token that holds."""
    identity, behind = access.session.identity, access.transient
    expires = access.token.expires_at if access.token else behind.expires if behind else access.session.absolute
    about: dict[str, Json] = {
        "active": True,
        "scope": " ".join(sorted(access.scope)),
        "sub": identity.subject or identity.user_name,
    }
    if access.account is not None:
        about["username"] = access.account.name
    if access.session.id:
        about["sid"] = access.session.id
    if identity.actor:
        about["act"] = {"sub": identity.actor}
    if expires is not None:
        about["exp"] = expires // SECOND
    return about
