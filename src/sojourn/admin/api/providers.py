"""Identity providers, and which identities there belong to which accounts here."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from sojourn.admin.answers import Done
from sojourn.admin.inputs import Name
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Instant, Nothing, RealmName, Shape
from sojourn.core.clock import iso
from sojourn.core.errors import InsufficientScope
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.providers.external import ExternalIdentity, IdentityTaken, IdentityUnknown, LastIdentity
from sojourn.engine.providers.providers import Provider, ProviderUnknown, SecretMissing
from sojourn.identity.oidc.errors import ProviderFailed
from sojourn.model.user import Account
from sojourn.outbound.errors import OutboundFailed

PROVIDERS = Needs(right="providers")
#: Accounts belong to no realm.
VIEW = Needs(right="viewUsers", everywhere=True)
MANAGE = Needs(right="manageUsers", everywhere=True)

ProviderName = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,59}$", description="Name of the provider's file.")]


class IdentityProvider(Shape, frozen=True, kw_only=True):
    """A provider as it is now; its client secret is never shown."""

    name: ProviderName
    key: Annotated[int, Meta(description="`identityProviderKey` of its sessions.")]
    title: str
    issuer: str
    client_id: str
    realms: list[RealmName]
    enabled: bool
    has_secret: bool
    scopes: list[str]
    create_users: bool
    email_authority: list[str]


class IdentityProviders(Shape, frozen=True, kw_only=True):
    """Providers, by name."""

    providers: list[IdentityProvider]


class ProviderReport(Shape, frozen=True, kw_only=True):
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: str
    names_issuer: Annotated[bool, Meta(description="Whether its answers name it [RFC 9207].")]
    keys: Annotated[int, Meta(description="How many of its keys could verify an ID token.")]


class UserQuery(Shape, frozen=True, kw_only=True):
    """An account."""

    user: Annotated[Name, Meta(description="Name or mail address.")]
    directory: Name = "main"


class LinkOrder(Shape, frozen=True, kw_only=True):
    """Who somebody at a provider is here."""

    user: Annotated[Name, Meta(description="Name or mail address.")]
    directory: Name = "main"
    provider: ProviderName
    subject: Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]


class Identity(Shape, frozen=True, kw_only=True):
    """An identity of an account."""

    key: int
    issuer: str
    subject: str
    linked_by: str
    created: Instant


class Identities(Shape, frozen=True, kw_only=True):
    """All of one account, oldest first."""

    identities: list[Identity]


@operation("GET", "/providers", needs=PROVIDERS, answer=IdentityProviders)
async def list_providers(asked: Asked[Nothing, Nothing]) -> IdentityProviders:
    """List the providers of the realms in which the operator may look after them."""
    found = await asked.plane.rules.providers.all()
    return IdentityProviders(providers=[_described(one) for one in found if _seen(asked, one)])


@operation("GET", "/providers/{provider}", needs=PROVIDERS, answer=IdentityProvider, raises=(ProviderUnknown,))
async def show_provider(asked: Asked[Nothing, Nothing]) -> IdentityProvider:
    """Show one provider."""
    return _described(await _provider(asked))


@operation(
    "POST",
    "/providers/{provider}/enable",
    needs=PROVIDERS,
    answer=IdentityProvider,
    raises=(ProviderUnknown, InsufficientScope),
)
async def enable_provider(asked: Asked[Nothing, Nothing]) -> IdentityProvider:
    """Let people log in through it again; it takes the scope in every realm that it serves."""
    return await _set_enabled(asked, enabled=True)


@operation(
    "POST",
    "/providers/{provider}/disable",
    needs=PROVIDERS,
    answer=IdentityProvider,
    raises=(ProviderUnknown, InsufficientScope),
)
async def disable_provider(asked: Asked[Nothing, Nothing]) -> IdentityProvider:
    """Refuse logins through it, and every session that was logged in through it, from the next request on."""
    return await _set_enabled(asked, enabled=False)


@operation(
    "POST",
    "/providers/{provider}/test",
    needs=PROVIDERS,
    answer=ProviderReport,
    raises=(ProviderUnknown, SecretMissing, ProviderFailed, OutboundFailed),
)
async def test_provider(asked: Asked[Nothing, Nothing]) -> ProviderReport:
    """Ask the provider for its metadata and keys, and look for the client secret."""
    report = await asked.plane.rules.providers.test((await _provider(asked)).name)
    return ProviderReport(
        issuer=report.metadata.issuer,
        authorization_endpoint=report.metadata.authorization,
        token_endpoint=report.metadata.token,
        end_session_endpoint=report.metadata.end_session,
        names_issuer=report.metadata.names_issuer,
        keys=report.keys,
    )


@operation("GET", "/identities", needs=VIEW, query=UserQuery, answer=Identities, raises=(UserUnknown,))
async def list_identities(asked: Asked[UserQuery, Nothing]) -> Identities:
    """List the identities of an account at providers."""
    account = await _account(asked, asked.query.directory, asked.query.user)
    found = await asked.plane.rules.federation.external.of(account.key)
    return Identities(identities=[_identity(one) for one in found])


@operation(
    "POST",
    "/identities",
    needs=MANAGE,
    body=LinkOrder,
    answer=Identity,
    raises=(UserUnknown, ProviderUnknown, IdentityTaken, InsufficientScope),
)
async def link_identity(asked: Asked[Nothing, LinkOrder]) -> Identity:
    """Say who somebody at a provider is here: who comes with that subject logs in as the account.

    It takes every scope that the account has: who links himself to it acts as it.
    """
    body, rules = asked.body, asked.plane.rules
    provider = await rules.providers.get(body.provider)
    account = await _account(asked, body.directory, body.user)
    actor = asked.acting.actor(asked.call.arrival.address)
    await rules.actors.check_over(actor, "security.manageUsers", account.key)
    guard = rules.rights.over_account(actor, account.key)
    return _identity(await rules.federation.external.link(account, provider.config.issuer, body.subject, actor, guard))


@operation(
    "POST",
    "/identities/{identity}/unlink",
    needs=MANAGE,
    body=UserQuery,
    answer=Done,
    raises=(UserUnknown, IdentityUnknown, LastIdentity, InsufficientScope),
)
async def unlink_identity(asked: Asked[Nothing, UserQuery]) -> Done:
    """Take an identity away from an account and end the sessions that it opened."""
    rules = asked.plane.rules
    account = await _account(asked, asked.body.directory, asked.body.user)
    actor = asked.acting.actor(asked.call.arrival.address)
    await rules.actors.check_over(actor, "security.manageUsers", account.key)
    guard = rules.rights.over_account(actor, account.key)
    gone = await rules.federation.external.unlink(account, int(asked.path["identity"]), actor, guard)
    await rules.federation.sessions.end_of(
        await rules.providers.all(), gone, "", actor=asked.acting.name, rule="identity unlinked"
    )
    return Done()


def _seen(asked: Asked[Any, Any], provider: Provider) -> bool:
    return any(provider.serves(realm) for realm in asked.realms)


async def _provider(asked: Asked[Any, Any]) -> Provider:
    """The provider that the path names; raises ``ProviderUnknown`` also for one of realms that are not the operator's."""
    found = await asked.plane.rules.providers.get(asked.path["provider"])
    if not _seen(asked, found):
        raise ProviderUnknown
    return found


async def _set_enabled(asked: Asked[Any, Any], *, enabled: bool) -> IdentityProvider:
    found, providers = await _provider(asked), asked.plane.rules.providers
    if not set(found.config.realms) <= {realm.name for realm in asked.realms}:
        raise InsufficientScope
    actor = asked.acting.actor(asked.call.arrival.address)
    return _described(await providers.set_enabled(found.name, enabled=enabled, actor=actor))


async def _account(asked: Asked[Any, Any], directory: str, user: str) -> Account:
    found = await asked.plane.rules.users.find(directory, user)
    if found is None:
        raise UserUnknown
    return found


def _described(provider: Provider) -> IdentityProvider:
    config = provider.config
    return IdentityProvider(
        name=provider.name,
        key=provider.key,
        title=provider.title,
        issuer=config.issuer,
        client_id=config.client_id,
        realms=list(config.realms),
        enabled=provider.enabled,
        has_secret=provider.has_secret,
        scopes=list(config.scopes),
        create_users=config.create_users,
        email_authority=list(config.email_authority),
    )


def _identity(one: ExternalIdentity) -> Identity:
    return Identity(
        key=one.key, issuer=one.issuer, subject=one.subject, linked_by=one.linked_by, created=iso(one.created)
    )
