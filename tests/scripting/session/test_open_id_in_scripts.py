"""``OpenIdClient`` and logins with its tokens, on both runtimes; the provider stands where the network would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from sojourn.bootstrap import Engine
from sojourn.config.project import ProviderFile
from sojourn.core.clock import ManualClock
from sojourn.core.json import encode
from sojourn.engine.security.actors import HOST
from sojourn.model.provider import ProviderConfig
from sojourn.outbound.guard import Answer
from sojourn.scripting.errors import ScriptFailed
from tests.http.oidc_idp import Idp
from tests.identity.oidc_signer import CLIENT, ISSUER
from tests.scripting.session.conftest import Scripted

pytestmark = pytest.mark.anyio


class Corp(Idp):
    """Gives tokens for every grant, and notes what it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.metadata |= {"introspection_endpoint": ISSUER + "/look", "revocation_endpoint": ISSUER + "/revoke"}
        self.asked: list[dict[str, str]] = []

    async def fetch(
        self, method: str, url: str, *, headers: Mapping[str, str] = {}, body: bytes = b"", **more: Any
    ) -> Answer:
        if url not in {ISSUER + "/look", ISSUER + "/revoke"}:
            return await super().fetch(method, url, headers=headers, body=body, **more)
        assert headers["authorization"].startswith("Basic ")
        self.asked.append(dict(parse_qsl(body.decode())))
        return Answer(200, {}, encode({"active": True, "client_id": CLIENT, "exp": 5} if url.endswith("look") else {}))

    def _exchange(self, form: Mapping[str, Sequence[str]], headers: Mapping[str, str]) -> Answer:
        assert headers["authorization"].startswith("Basic ")
        self.asked.append({name: value[0] for name, value in form.items()})
        if form.get("code") == ["used"]:
            return Answer(400, {}, encode({"error": "invalid_grant"}))
        granted = {"token_type": "Bearer", "access_token": "at", "expires_in": 60, "id_token": self.id_token()}
        return Answer(200, {}, encode(granted))


@pytest.fixture
async def corp(engine: Engine, clock: ManualClock) -> Corp:
    """The provider of acme, whose subject s-1 is anna."""
    made = Corp(clock)
    config = ProviderConfig(issuer=ISSUER, client_id=CLIENT, realms=("acme",))
    await engine.rules.providers.sync({"corp": ProviderFile("corp", config, None)}, clock.now())
    engine.rules.providers.guard = made
    await engine.rules.providers.set_secret("corp", "client secret", HOST)
    anna = await engine.rules.users.find("main", "anna")
    assert anna is not None
    await engine.rules.federation.external.link(anna, ISSUER, "s-1", HOST)
    return made


async def test_a_user_is_sent_to_the_provider_and_comes_back_logged_in(scripted: Scripted, corp: Corp) -> None:
    sent, challenge = await scripted("""
      const OpenIdProvider = require('@nginstack/engine/lib/oidc/OpenIdProvider');
      const provider = OpenIdProvider.fromConfig('corp');
      const client = provider.newOpenIdClient();
      const verifier = client.getCodeVerifier();
      [client.getAuthorizationUri({
        redirectUri: 'https://shop.example/back', scopes: ['email'], state: 's', nonce: 'n', prompt: 'login', maxAge: 90_000,
        codeChallenge: client.getCodeChallenge(verifier), extraParams: { ui: 'pt' },
      }), client.getCodeChallenge(verifier)]
    """)
    asked = parse_qs(urlsplit(sent).query)
    assert sent.startswith(ISSUER + "/authorize?")
    assert {name: value[0] for name, value in asked.items()} == {
        "response_type": "code", "client_id": CLIENT, "redirect_uri": "https://shop.example/back", "state": "s",
        "scope": "openid email", "nonce": "n", "prompt": "login", "max_age": "90", "ui": "pt",
        "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    assert await scripted("""
      const tokens = client.exchangeCode('c', 'https://shop.example/back', verifier);
      session.loginByAuthToken(tokens.idToken);
      [tokens.accessToken, tokens.tokenType, tokens.expiresIn, session.userName, session.identityProviderKey === provider.key]
    """) == ["at", "Bearer", 60, "anna", True]
    assert corp.asked[0]["code_verifier"] == await scripted("verifier")


async def test_every_other_request_to_the_provider(scripted: Scripted, corp: Corp) -> None:
    corp.user_info = {"given_name": "Anna", "email_verified": True}
    assert await scripted("""
      const client = new OpenIdClient({ issuer: OpenIdProvider.fromConfig('corp').issuer });
      client.exchangePassword('anna', 'pw', 'email');
      client.exchangeRefreshToken('rt', ['email', 'phone']);
      client.exchangeClientCredentials();
      client.revoke('rt');
      client.revoke('at', 'access');
      const info = client.getUserInfo('at', 's-1');
      let other;
      try { client.getUserInfo('at', 's-2'); } catch (e) { other = [e.name, e.reason]; }
      [client.introspect('at'), info.givenName, info.emailVerified, other, client.getSigningKey('none'),
       client.getCodeVerifier() !== client.getCodeVerifier()]
    """) == [{"active": True, "clientId": CLIENT, "exp": 5}, "Anna", True, ["TokenRefused", "subject"], None, True]
    assert corp.asked == [
        {"grant_type": "password", "username": "anna", "password": "pw", "scope": "email"},
        {"grant_type": "refresh_token", "refresh_token": "rt", "scope": "email phone"},
        {"grant_type": "client_credentials"},
        {"token": "rt", "token_type_hint": "refresh_token"},
        {"token": "at", "token_type_hint": "access_token"},
        {"token": "at"},
    ]


async def test_only_registered_providers_of_the_realm_are_asked(scripted: Scripted, corp: Corp, engine: Engine) -> None:
    assert await scripted("""
      const failed = (f) => { try { f(); } catch (e) { return e.name; } };
      const client = new OpenIdClient({ provider: 'corp' });
      [
        failed(() => new OpenIdClient({ clientId: 'c', issuer: 'https://elsewhere.example', tokenEndpoint: 'http://169.254.169.254/' })),
        failed(() => new OpenIdClient({ provider: 'corp', clientId: 'another' })),
        failed(() => new OpenIdClient()),
        failed(() => OpenIdProvider.fromConfig(999)),
        failed(() => new OpenIdProvider({ key: 1 })),
        failed(() => client.exchangeCode('used', 'https://shop.example/back')),
        failed(() => client.getAuthorizationUri({ redirectUri: '/back' })),
        failed(() => client.getAuthorizationUri({ redirectUri: 'https://a.example', responseTypes: ['none'] })),
      ]
    """) == [
        "ProviderUnknown", "TypeError", "TypeError", "ProviderUnknown", "TypeError", "LoginNotTaken", "BadArgument",
        "BadArgument",
    ]  # fmt: skip
    await engine.rules.providers.set_enabled("corp", enabled=False, actor=HOST)
    with pytest.raises(ScriptFailed) as refused:
        await scripted("client.exchangeClientCredentials()")
    assert refused.value.name == "ProviderDisabled"


async def test_21_52_an_identity_token_of_a_registered_provider_alone_logs_in(
    scripted: Scripted, corp: Corp, engine: Engine
) -> None:
    token, other = corp.id_token(), corp.id_token(iss="https://unregistered.example")
    code = "try {{ session.loginByAuthToken({0!r}); }} catch (e) {{ e.name + ' ' + e.reason }}"
    assert await scripted(code.format(other)) == "AuthTokenRefused provider-unknown"
    assert await scripted("[session.userKey, session.identityProviderKey]") == [-1, None]
    provider = await engine.rules.providers.get("corp")
    assert await scripted(f"session.loginByAuthToken({token!r}); [session.userName, session.identityProviderKey]") == [
        "anna", provider.key,
    ]  # fmt: skip
    assert await scripted(code.format(token)) == "AuthTokenRefused revoked"
