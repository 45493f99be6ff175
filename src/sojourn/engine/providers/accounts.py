"""From a verified ID token to an account: by (issuer, subject), or what the provider may say beyond that."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from sojourn.core.errors import SojournError
from sojourn.core.ids import new_id
from sojourn.core.json import Json
from sojourn.engine.accounts.directory import NameTaken
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.users import Users
from sojourn.engine.facts import Facts
from sojourn.engine.providers.external import ExternalIdentities, IdentityTaken
from sojourn.engine.providers.providers import Provider
from sojourn.engine.security.actors import Actor
from sojourn.identity.oidc.errors import LoginNotTaken
from sojourn.identity.oidc.idtoken import IdToken
from sojourn.model.realm import Realm
from sojourn.model.scope import is_reserved
from sojourn.model.user import Account, BadAccount, check_email, check_user_name

_log = logging.getLogger(__name__)

#: Asks the provider for more claims, when they are needed.
MoreClaims = Callable[[], Awaitable[Mapping[str, Json]]]


_VERIFIED = "email_verified"


async def no_more() -> Mapping[str, Json]:
    """Where the ID token is all there is."""
    return {}


class ProviderAccounts:
    """Finds, links and makes the accounts of those who come through providers."""

    def __init__(self, *, external: ExternalIdentities, users: Users, grants: Grants, facts: Facts) -> None:
        self._external = external
        self._users = users
        self._grants = grants
        self._facts = facts

    async def find(self, realm: Realm, provider: Provider, token: IdToken, more: MoreClaims = no_more) -> Account:
        """The account of who showed ``token``, as it is before anything else is asked.

        Raises :class:`LoginNotTaken` ``no-account`` when there is none and the provider may not say or make one.
        """
        known = await self._linked(realm, token)
        if known is not None:
            return known
        config = provider.config
        if not config.email_authority and not config.create_users:
            raise LoginNotTaken("no-account")
        further = await more()
        claims = {**further, **token.claims}
        # Of one source: that the provider has verified one address says nothing of another.
        email = _verified_email(token.claims if _VERIFIED in token.claims else further, config.email_authority)
        account = await self._users.find(realm.config.directory, email) if email else None
        if account is None and config.create_users:
            account = await self._made(realm, provider, claims, email)
        if account is None:
            raise LoginNotTaken("no-account")
        return await self._link(realm, provider, token, account)

    async def _linked(self, realm: Realm, token: IdToken) -> Account | None:
        key = await self._external.find(realm.config.directory, token.issuer, token.subject)
        return None if key is None else await self._users.get(key)

    async def _link(self, realm: Realm, provider: Provider, token: IdToken, account: Account) -> Account:
        try:
            await self._external.link(account, token.issuer, token.subject, _actor(provider))
        except IdentityTaken:
            # Two first logins at once: the other one has made the account.
            known = await self._linked(realm, token)
            if known is None:
                raise
            return known
        return account

    async def _made(self, realm: Realm, provider: Provider, claims: Mapping[str, Json], email: str) -> Account | None:
        """A new account without a password, with what the provider's file gives; None when that cannot be."""
        actor = _actor(provider)
        try:
            account = await self._added(realm, provider, claims, email)
            for scope in provider.config.new_user_scopes:
                await self._grants.grant(account.name, scope, realm.id, directory=realm.config.directory, actor=actor)
        except SojournError as error:
            _log.error("provider %s cannot make an account: %s", provider.name, error.message)
            return None
        held = await (await self._facts.current()).held(account.key)
        if any(is_reserved(scope) for scopes in held.values() for scope in scopes):
            # What a provider hands out, nobody has granted: it never makes an operator.
            await self._users.delete(account.key, actor=actor.name)
            _log.error("provider %s: its newUserGroups hold administrative scopes; no account was made", provider.name)
            return None
        return account

    async def _added(self, realm: Realm, provider: Provider, claims: Mapping[str, Json], email: str) -> Account:
        directory, groups, actor = realm.config.directory, provider.config.new_user_groups, _actor(provider).name
        wanted = _wanted_name(claims, provider.config.user_name_claim)
        if wanted:
            try:
                return await self._users.add(directory, wanted, None, email, groups, actor=actor)
            except NameTaken:
                _log.info("provider %s: a wanted name is taken; the account gets another one", provider.name)
        return await self._users.add(directory, f"{provider.name}-{new_id()[:12]}", None, email, groups, actor=actor)


def _actor(provider: Provider) -> Actor:
    return Actor(f"provider {provider.name}")


def _verified_email(claims: Mapping[str, Json], domains: tuple[str, ...]) -> str:
    """The mail address that the provider has verified and may speak for, else empty."""
    email = claims.get("email")
    if not isinstance(email, str) or claims.get(_VERIFIED) is not True or not email.isascii():
        return ""
    try:
        check_email(email)
    except BadAccount:
        return ""
    return email if email.rpartition("@")[2].lower() in domains else ""


def _wanted_name(claims: Mapping[str, Json], claim: str | None) -> str:
    name = claims.get(claim) if claim else None
    if not isinstance(name, str):
        return ""
    try:
        return check_user_name(name)
    except BadAccount:
        return ""
