"""What ``OpenIdProvider`` and ``OpenIdClient`` of ``prelude/open_id.js`` ask of the host.

Providers are those that the operator has registered for the realm, with their endpoints and with the engine's client
secret, which no script sees. Every request to one goes through the egress guard.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sojourn.core.clock import SECOND
from sojourn.core.ids import new_token
from sojourn.engine.providers.providers import Provider, ProviderDisabled, ProviderUnknown
from sojourn.engine.security.declared import ANYONE
from sojourn.identity.oidc.client import OidcClient
from sojourn.identity.oidc.flow import challenge, with_parameters
from sojourn.model.provider import is_plain_url
from sojourn.scripting.declare import BadArgument, HostClass, exposed, static
from sojourn.scripting.values import Value, of_json

Text = Annotated[str, Meta(max_length=4_096)]
Words = Text | list[Text]

_ALSO = "a provider that users of the realm may log in through"
_PROMPTS = frozenset({"none", "login", "select_account", "consent"})
_TYPES = frozenset({"code", "id_token", "token"})


class AuthorizationOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What ``getAuthorizationUri`` is given."""

    redirect_uri: Text
    scopes: Words | None = None
    response_types: list[Text] | None = None
    response_mode: Literal["query", "fragment", "form_post"] | None = None
    state: Text | None = None
    nonce: Text | None = None
    code_challenge: Text | None = None
    login_hint: Text | None = None
    id_token_hint: Annotated[str, Meta(max_length=16_384)] | None = None
    max_age: float | None = None
    prompt: Words | None = None
    extra_params: dict[str, Text] | None = None


@exposed("OpenId", role="internal")
class OpenId(HostClass):
    """The engine as the client of an identity provider."""

    @static("provider(which: number | string): object", ANYONE, also=_ALSO)
    async def provider(self, which: int | str) -> Value:
        """A provider by its key, name or issuer.

        Raises ``ProviderUnknown``, ``ProviderDisabled``, ``ProviderFailed``, ``OutboundFailed``.
        """
        found, client, _ = await self._client(which)
        metadata = await client.metadata()
        return {
            "key": found.key,
            "name": found.name,
            "title": found.title,
            "issuer": metadata.issuer,
            "clientId": found.config.client_id,
            "authEndpoint": metadata.authorization,
            "tokenEndpoint": metadata.token,
            "userInfoEndpoint": metadata.userinfo,
            "revocationEndpoint": metadata.revocation,
            "introspectionEndpoint": metadata.introspection,
        }

    @static("authorizationUri(provider: number, options: object): string", ANYONE, also=_ALSO)
    async def authorization_uri(self, provider: int, options: AuthorizationOptions) -> str:
        """Where to send the browser; raises ``BadArgument`` for what no provider understands."""
        found, client, _ = await self._client(provider)
        return with_parameters((await client.metadata()).authorization, _asked(found, options))

    @static("exchangeCode(provider: number, code: string, redirectUri: string, verifier?: string): object", ANYONE)
    async def exchange_code(self, provider: int, code: str, redirect_uri: str, verifier: str | None = None) -> Value:
        """The tokens for a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return await self._granted(provider, form | ({"code_verifier": verifier} if verifier else {}))

    @static("exchangePassword(provider: number, user: string, password: string, scopes?: string): object", ANYONE)
    async def exchange_password(
        self, provider: int, user_name: str, password: str, scopes: Words | None = None
    ) -> Value:
        """The tokens for the credentials of a user at the provider."""
        form = {"grant_type": "password", "username": user_name, "password": password}
        return await self._granted(provider, form | _scope(scopes))

    @static("exchangeRefreshToken(provider: number, refreshToken: string, scopes?: string): object", ANYONE)
    async def exchange_refresh_token(self, provider: int, refresh_token: str, scopes: Words | None = None) -> Value:
        """New tokens for a refresh token."""
        return await self._granted(
            provider, {"grant_type": "refresh_token", "refresh_token": refresh_token} | _scope(scopes)
        )

    @static("exchangeClientCredentials(provider: number, scopes?: string): object", ANYONE)
    async def exchange_client_credentials(self, provider: int, scopes: Words | None = None) -> Value:
        """A token for the engine itself as the client."""
        return await self._granted(provider, {"grant_type": "client_credentials"} | _scope(scopes))

    @static("introspect(provider: number, token: string): object", ANYONE)
    async def introspect(self, provider: int, token: str) -> Value:
        """What the provider says of a token."""
        _, client, secret = await self._client(provider)
        return _camel(await client.introspect(token, secret))

    @static("revoke(provider: number, token: string, type?: string): void", ANYONE)
    async def revoke(self, provider: int, token: str, kind: Literal["refresh", "access"] = "refresh") -> None:
        """Let the provider refuse a token from now on."""
        _, client, secret = await self._client(provider)
        await client.revoke(token, secret, f"{kind}_token")

    @static("userInfo(provider: number, accessToken: string, subject?: string): object", ANYONE)
    async def user_info(self, provider: int, access_token: str, subject: str | None = None) -> Value:
        """What the provider says of the user; raises ``TokenRefused`` when it is another one than ``subject``."""
        _, client, _ = await self._client(provider)
        return _camel(await client.user_info(access_token, subject))

    @static("signingKey(provider: number, kid: string): object | null", ANYONE)
    async def signing_key(self, provider: int, kid: str) -> Value:
        """The provider's public key with that id as a JWK, null without one."""
        _, client, _ = await self._client(provider)
        found = await client.jwk(kid)
        return None if found is None else of_json(dict(found))

    @static("codeVerifier(): string", ANYONE)
    def code_verifier(self) -> str:
        """256 random bits for PKCE."""
        return new_token()

    @static("codeChallenge(verifier: string): string", ANYONE)
    def code_challenge(self, verifier: str) -> str:
        """The challenge for a verifier, method S256."""
        if not verifier.isascii():
            raise BadArgument("a verifier is ASCII text")
        return challenge(verifier)

    async def _client(self, which: int | str) -> tuple[Provider, OidcClient, str]:
        providers, realm = self.run.rules.providers, self.run.realm
        found = await self._found(which)
        if found is None or not found.serves(realm):
            raise ProviderUnknown("there is no such identity provider for this realm")
        if not found.enabled:
            raise ProviderDisabled
        return found, providers.client(found), await providers.secret(found)

    async def _found(self, which: int | str) -> Provider | None:
        providers = self.run.rules.providers
        if isinstance(which, int):
            return await providers.by_key(which)
        for provider in await providers.all():
            if which in (provider.name, provider.config.issuer):
                return provider
        return None

    async def _granted(self, provider: int, form: Mapping[str, str]) -> Value:
        _, client, secret = await self._client(provider)
        return _camel(await client.grant(form, secret))


def _asked(provider: Provider, options: AuthorizationOptions) -> dict[str, str]:
    types = options.response_types or ["code"]
    prompts = _words(options.prompt)
    if not is_plain_url(options.redirect_uri) or "://" not in options.redirect_uri or "#" in options.redirect_uri:
        raise BadArgument("redirectUri is an absolute URL without a fragment")
    if not set(types) <= _TYPES or not set(prompts) <= _PROMPTS:
        raise BadArgument("responseTypes are code, id_token, token; prompts none, login, select_account, consent")
    wanted = {
        "response_type": " ".join(types),
        "response_mode": options.response_mode,
        "client_id": provider.config.client_id,
        "redirect_uri": options.redirect_uri,
        "scope": " ".join(dict.fromkeys(("openid", *(_words(options.scopes) or provider.config.scopes)))),
        "state": options.state,
        "nonce": options.nonce,
        "code_challenge": options.code_challenge,
        "code_challenge_method": "S256" if options.code_challenge else None,
        "login_hint": options.login_hint,
        "id_token_hint": options.id_token_hint,
        "max_age": None if options.max_age is None else str(max(0, int(options.max_age // SECOND))),
        "prompt": " ".join(prompts) or None,
    }
    return {name: value for name, value in wanted.items() if value} | (options.extra_params or {})


def _words(words: Words | None) -> list[str]:
    return words.split() if isinstance(words, str) else words or []


def _scope(scopes: Words | None) -> dict[str, str]:
    words = _words(scopes)
    return {"scope": " ".join(words)} if words else {}


def _camel(found: Mapping[str, Any]) -> Value:
    """An answer of a provider with names as JavaScript spells them."""
    return {re.sub(r"_+([A-Za-z0-9])", lambda at: at[1].upper(), name): of_json(value) for name, value in found.items()}
