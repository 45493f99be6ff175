"""Logins through identity providers: the way through the browser, and ID tokens that come by themselves."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from sojourn.core.clock import MINUTE, Clock
from sojourn.core.errors import BadRequest, TokenRefused, Unavailable
from sojourn.engine.access import Access
from sojourn.engine.audit.log import Audit
from sojourn.engine.login import LoggedIn, Logins
from sojourn.engine.passwords.credentials import Credentials
from sojourn.engine.providers.accounts import MoreClaims, ProviderAccounts, no_more
from sojourn.engine.providers.external import ExternalIdentities, as_it_was
from sojourn.engine.providers.pending import Browser, Pending, PendingLogins, Way, bound
from sojourn.engine.providers.providers import Provider, Providers
from sojourn.engine.providers.sessions import Proof, ProviderSessions
from sojourn.engine.security.actors import Actor
from sojourn.engine.sessions import Sessions
from sojourn.identity.claims import check_issuer, decode_claims
from sojourn.identity.compact import read
from sojourn.identity.oidc.errors import LoginNotTaken
from sojourn.identity.oidc.flow import Returned, authorization_url, check_answer, logout_url, new_secrets
from sojourn.identity.oidc.idtoken import FRESH, MAX_TOKEN, Expected, IdToken, verify_id_token
from sojourn.identity.oidc.logout_token import REMEMBERED, verify_logout_token
from sojourn.model.provider import is_own_path
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity, Session
from sojourn.model.user import Account, account_identity

#: Seconds that the answer to a logout waits for the provider.
_PATIENCE = 2.0


class Finished(NamedTuple):
    """A login, or a link, that came back from the provider."""

    #: The path of ours to which the browser goes.
    return_to: str
    #: None where an identity was linked.
    logged_in: LoggedIn | None


class Vouched(NamedTuple):
    """An account for which a provider vouches now."""

    account: Account
    identity: Identity
    proof: Proof


class ProviderLogins:
    """Lets people in for whom a provider vouches."""

    def __init__(
        self,
        *,
        providers: Providers,
        accounts: ProviderAccounts,
        external: ExternalIdentities,
        sessions: Sessions,
        bound_sessions: ProviderSessions,
        pending: PendingLogins,
        logins: Logins,
        credentials: Credentials,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._providers = providers
        self._accounts = accounts
        self._external = external
        self._sessions = sessions
        self._bound = bound_sessions
        self._pending = pending
        self._logins = logins
        self._credentials = credentials
        self._audit = audit
        self._clock = clock

    # --- through the browser ---

    async def begin(self, realm: Realm, name: str, way: Way, *, link: Access | None = None) -> str:
        """Where to send the browser; with ``link`` to link an identity to the account of that session.

        Raises ``ProviderUnknown``, ``ProviderDisabled``, ``ProviderFailed``, ``OutboundFailed``, ``BadRequest`` for a
        ``return_to`` that is no path of ours; with ``link`` what :meth:`Access.own` raises.
        """
        provider = await self._providers.serving(realm, name)
        if not is_own_path(way.return_to):
            raise BadRequest("returnTo is a path of this origin, for example /shop")
        now, secrets, config = self._clock.now(), new_secrets(), provider.config
        asked = _asked(link, now) if link is not None else {}
        metadata = await self._providers.client(provider).metadata()
        pending = Pending(
            realm=realm.id,
            provider=provider.key,
            binding=bound(way.binding),
            nonce=secrets.nonce,
            verifier=secrets.verifier,
            redirect_uri=way.redirect_uri,
            return_to=way.return_to,
            begun=now,
        )
        await self._pending.keep(secrets.state, msgspec.structs.replace(pending, **asked))
        return authorization_url(
            metadata,
            secrets,
            client_id=config.client_id,
            redirect_uri=way.redirect_uri,
            scopes=config.scopes,
            acr_values=config.acr_values,
            max_age=config.max_age,
        )

    async def finish(self, realm: Realm, name: str, returned: Returned, browser: Browser) -> Finished:
        """What becomes of the answer that the browser brought back.

        Raises ``LoginNotTaken`` (``state``: unknown, used before, too late, of another browser; ``issuer``, ``denied``,
        ``code``, ``no-account``, ``logged-out``, ``session``), ``TokenRefused`` for the ID token, ``IdentityTaken``;
        ``ProviderFailed``, ``OutboundFailed``; what :meth:`Logins.enter` raises.
        """
        pending = await self._pending.take(realm, returned.state, browser.binding)
        provider = await self._providers.serving(realm, name)
        if pending.provider != provider.key:
            raise LoginNotTaken("state")
        try:
            proof, more = await self._proved(provider, pending, returned)
            if pending.session:
                await self._link(pending, proof, browser)
                return Finished(pending.return_to, None)
            account = await self._accounts.find(realm, provider, proof.token, more)
        except TokenRefused as error:
            await self._failed(realm, provider, browser.device, error.reason)
            raise
        vouched = self._vouched(account, proof)
        return Finished(pending.return_to, await self._enter(realm, vouched, browser.device, browser.current))

    async def _proved(self, provider: Provider, pending: Pending, returned: Returned) -> tuple[Proof, MoreClaims]:
        client = self._providers.client(provider)
        check_answer(returned, await client.metadata())
        secret = await self._providers.secret(provider)
        granted = await client.exchange(returned.code, pending.redirect_uri, pending.verifier, secret)
        expected = self._expected(provider)._replace(nonce=pending.nonce, access_token=granted.access_token)
        token = await verify_id_token(granted.id_token, client.keys, expected)
        proof = Proof(provider, token, pending.begun)
        await self._bound.check(proof)
        return proof, (
            lambda: client.user_info(granted.access_token, token.subject)
        ) if granted.access_token else no_more

    async def _link(self, pending: Pending, proof: Proof, browser: Browser) -> None:
        """Only into the session that asked for it, which nobody has logged out or in since."""
        current = browser.current
        if current is None or current.account is None or current.delegated:
            raise LoginNotTaken("session")
        asked = (pending.session, pending.epoch, pending.account)
        if (current.session.id, current.session.epoch, current.account.key) != asked:
            raise LoginNotTaken("session")
        await self._linked(current, proof.token, browser.device.address)

    # --- an ID token by itself ---

    async def vouch(self, realm: Realm, text: str) -> Vouched:
        """The account for which the ID token ``text`` vouches: of an enabled provider of ``realm``, for us, of the last 5
        minutes, never shown before. Give the session that is made of it to :meth:`settle` before anybody has its handle.

        Raises ``TokenRefused`` (``provider-unknown`` …), ``LoginNotTaken``, ``ProviderFailed``, ``OutboundFailed``.
        """
        claims = decode_claims(read(text, most=MAX_TOKEN).payload)
        provider = await self._providers.of_issuer(realm, check_issuer(claims))
        if provider is None:
            raise TokenRefused("provider-unknown")
        proof = await self._proved_alone(provider, text)
        account = await self._accounts.find(realm, provider, proof.token)
        admitted = await self._credentials.admitted(realm, account)
        if admitted is None:
            raise LoginNotTaken("no-account")
        return self._vouched(admitted, proof)

    async def settle(self, vouched: Vouched, realm: Realm, session: Session) -> None:
        """Bind the session of a login; raises ``LoginNotTaken`` ``logged-out`` as :meth:`ProviderSessions.settle`."""
        await self._bound.settle(vouched.proof, realm, session)

    async def link_token(self, access: Access, name: str, text: str, address: str) -> None:
        """Link the identity of an ID token of the provider ``name`` to the account of ``access``.

        Raises as :meth:`vouch` and :meth:`Access.own`, ``IdentityTaken``.
        """
        access.writable()
        access.own(self._clock.now())
        proof = await self._proved_alone(await self._providers.serving(access.realm, name), text)
        await self._linked(access, proof.token, address)

    async def _proved_alone(self, provider: Provider, text: str) -> Proof:
        token = await verify_id_token(text, self._providers.client(provider).keys, self._expected(provider))
        # It is refused as stale after that.
        until = token.issued + FRESH + 2 * provider.config.clock_leeway + MINUTE
        seen = f"{token.issuer} {token.subject} {token.issued} {token.signature}"
        if not await self._pending.first("id-token", seen, until):
            raise TokenRefused("reused")
        proof = Proof(provider, token)
        await self._bound.check(proof)
        return proof

    # --- logouts ---

    async def logout(self, realm: Realm, name: str, text: str) -> int:
        """End what the logout token ``text`` of the provider ``name`` names; how many sessions lived.

        A token counts once; it counts as used when it has done its work, so that the provider may repeat one that failed.
        Raises ``ProviderUnknown``, ``TokenRefused``, ``ProviderFailed``, ``OutboundFailed``.
        """
        provider = await self._providers.get(name)
        if not provider.serves(realm):
            raise TokenRefused("provider-unknown")
        keys = self._providers.client(provider).keys
        token = await verify_logout_token(text, keys, self._expected(provider))
        used = f"{provider.config.issuer} {token.jti}"
        if await self._pending.seen("logout", used):
            raise TokenRefused("reused")
        ended = await self._bound.logout(provider, token)
        if not await self._pending.first("logout", used, token.issued + REMEMBERED):
            raise TokenRefused("reused")
        return ended

    async def logout_page(self, identity: Identity, origin: str) -> str:
        """Where the user of a session that has ended ends the one at the provider too; empty where there is no such page.

        ``origin`` is ours. Never raises for a provider that does not answer: the logout here is done.
        """
        provider = await self._providers.by_key(identity.provider) if identity.provider else None
        if provider is None or not provider.enabled:
            return ""
        try:
            async with asyncio.timeout(_PATIENCE):
                metadata = await self._providers.client(provider).metadata()
        except (Unavailable, TimeoutError):
            return ""
        path = provider.config.post_logout_path
        return logout_url(metadata, client_id=provider.config.client_id, return_to=origin + path if path else "")

    # --- what all share ---

    def _expected(self, provider: Provider) -> Expected:
        config = provider.config
        now = self._clock.now()
        return Expected(config.issuer, config.client_id, now, config.clock_leeway, max_age=config.max_age)

    def _vouched(self, account: Account, proof: Proof) -> Vouched:
        token: IdToken = proof.token
        identity = msgspec.structs.replace(
            account_identity(account, self._clock.now()),
            provider=proof.provider.key,
            provider_sid=token.sid,
            acr=token.acr,
            amr=token.amr,
        )
        return Vouched(account, identity, proof)

    async def _enter(self, realm: Realm, vouched: Vouched, device: Device, current: Access | None) -> LoggedIn:
        # The callback comes from another site by its nature; its state is what guards it.
        own = msgspec.structs.replace(current, read_only=False) if current else None
        entered = await self._logins.enter(realm, vouched.account, vouched.identity, device, current=own)
        if entered is None:
            raise LoginNotTaken("no-account")
        await self.settle(vouched, realm, entered.session)
        return entered

    async def _linked(self, access: Access, token: IdToken, address: str) -> None:
        assert access.account is not None
        # The provider was asked meanwhile, which takes as long as it likes.
        await self._sessions.check(access)
        actor = Actor(access.account.name, access.account.key, session=access.session.id, address=address)
        await self._external.link(access.account, token.issuer, token.subject, actor, as_it_was(access))

    async def _failed(self, realm: Realm, provider: Provider, device: Device, reason: str) -> None:
        await self._audit.record(
            "REMOTE_LOGIN_FAIL",
            realm=realm.id,
            outcome="failed",
            address=device.address,
            detail={"by": "provider", "provider": provider.name, "cause": reason},
        )


def _asked(link: Access, now: int) -> dict[str, str | int]:
    """The session for which an identity is linked; raises what :meth:`Access.own` raises."""
    link.writable()
    link.own(now)
    session = link.session
    return {"session": session.id, "epoch": session.epoch, "account": session.identity.user_key}
