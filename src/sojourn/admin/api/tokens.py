"""The AuthTokens of accounts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from sojourn.admin.inputs import Name
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Instant, Nothing, RealmName, Shape
from sojourn.core.clock import iso
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.tokens.authtokens import Listed
from sojourn.engine.tokens.rules import AuthTokenUnknown

TOKENS = Needs(right="tokens")

TokenKey = Annotated[int, Meta(description="Key of the token; not a secret.")]


class TokensQuery(Shape, frozen=True, kw_only=True):
    """Whose tokens."""

    user: Annotated[Name, Meta(description="Name or mail address.")]
    directory: Name = "main"


class TokenShown(Shape, frozen=True, kw_only=True):
    """An AuthToken; its text is shown once, to who authorized it."""

    key: TokenKey
    realm: Annotated[RealmName | None, Meta(description="Where it holds; null = everywhere.")]
    scope: str
    description: str
    created: Instant
    expires: Annotated[Instant | None, Meta(description="null = until it is revoked.")]
    expired: bool
    parent: Annotated[int | None, Meta(description="Key of the token that asked for it, and with which it dies.")]
    session: Annotated[str | None, Meta(description="Public id of the session that asked for it.")]
    actor: Annotated[str | None, Meta(description="Who impersonates the account with it.")]
    last_used: Instant | None
    uses: int
    last_address: str | None


class TokensShown(Shape, frozen=True, kw_only=True):
    """The tokens of an account that were not revoked, oldest first."""

    tokens: list[TokenShown]


class TokenRevoked(Shape, frozen=True, kw_only=True):
    """What a revocation did."""

    key: TokenKey
    revoked: Annotated[bool, Meta(description="False when it was revoked before.")]


@operation("GET", "/tokens", needs=TOKENS, query=TokensQuery, answer=TokensShown)
async def list_tokens(asked: Asked[TokensQuery, Nothing]) -> TokensShown:
    """List the AuthTokens of an account, of the realms in which the operator may look after tokens.

    An account that does not exist has none. Tokens that hold everywhere need the right in every realm.
    """
    rules, query = asked.plane.rules, asked.query
    account = await rules.users.find(query.directory, query.user)
    found = await rules.auth_tokens.list(account.key) if account else ()
    return TokensShown(tokens=[await _shown(asked, one) for one in found if _may_see(asked, one.record.realm)])


@operation("POST", "/tokens/{key}/revoke", needs=TOKENS, answer=TokenRevoked, raises=(AuthTokenUnknown,))
async def revoke_token(asked: Asked[Nothing, Nothing]) -> TokenRevoked:
    """Refuse a token, and what it has authorized itself, from the next request on; sessions that it logged in end.

    Of another account it takes every scope that the account has.
    """
    tokens, key = asked.plane.rules.auth_tokens, int(asked.path["key"])
    record = await tokens.get(key)
    if not _may_see(asked, record.realm):
        raise AuthTokenUnknown
    actor = asked.acting.actor(asked.call.arrival.address)
    return TokenRevoked(key=key, revoked=await tokens.revoke(actor, key))


def _may_see(asked: Asked[TokensQuery, Nothing] | Asked[Nothing, Nothing], realm_id: str) -> bool:
    if realm_id == EVERYWHERE:
        return asked.acting.has_everywhere("tokens")
    return any(realm.id == realm_id for realm in asked.realms)


async def _shown(asked: Asked[TokensQuery, Nothing], one: Listed) -> TokenShown:
    record, used, rules = one.record, one.used, asked.plane.rules
    realm = rules.realms.by_id(record.realm)
    actor = await rules.users.get(record.actor) if record.actor is not None else None
    return TokenShown(
        key=record.key,
        realm=realm.name if realm else None,
        scope=record.scope,
        description=record.description,
        created=iso(record.created),
        expires=_instant(record.expires),
        expired=record.dead(rules.clock.now()) == "expired",
        parent=record.parent,
        session=record.session or None,
        actor=actor.name if actor else None,
        last_used=_instant(used.last),
        uses=used.uses,
        last_address=used.address or None,
    )


def _instant(at: int | None) -> str | None:
    return None if at is None else iso(at)
