"""A provider whose every answer a test decides; it stands where the network would be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from sojourn.core.clock import Clock
from sojourn.core.json import encode
from sojourn.identity.oidc.flow import challenge
from sojourn.identity.oidc.metadata import metadata_url
from sojourn.outbound.addresses import Network
from sojourn.outbound.errors import OutboundFailed
from sojourn.outbound.guard import Answer, Guard
from tests.identity.oidc_signer import CLIENT, EVENT, ISSUER, jwks, public, signed


class Idp(Guard):
    """Signs in whoever comes; ``claims`` go into every ID token."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.claims: dict[str, Any] = {"sub": "s-1", "sid": "sid-1"}
        self.user_info: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": ISSUER + "/authorize",
            "token_endpoint": ISSUER + "/token",
            "jwks_uri": ISSUER + "/jwks",
            "userinfo_endpoint": ISSUER + "/me",
            "end_session_endpoint": ISSUER + "/end",
            "response_types_supported": ["code"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.down = False
        #: Codes that were not exchanged yet, with what the browser was sent with.
        self._codes: dict[str, dict[str, str]] = {}
        self.exchanged: list[Mapping[str, Sequence[str]]] = []
        #: Runs before a code is exchanged.
        self.before_exchange: Callable[[], object] = lambda: None

    def seconds(self) -> int:
        return self._clock.now() // 1000

    def authorize(self, url: str, **changed: str) -> str:
        """The query with which the browser comes back from ``url``."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = f"code-{len(self._codes) + len(self.exchanged)}"
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": ISSUER, **changed}
        return "&".join(f"{name}={value}" for name, value in answer.items() if value)

    def id_token(self, **changed: Any) -> str:
        """An ID token by itself."""
        now = self.seconds()
        claims = {"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 300, **self.claims, **changed}
        return signed({name: value for name, value in claims.items() if value is not None})

    def logout_token(self, **changed: Any) -> str:
        """A logout token for what :attr:`claims` name."""
        now = self.seconds()
        claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 120,
            "jti": f"j-{now}-{len(self.exchanged)}",
            "events": {EVENT: {}},
            "sub": self.claims["sub"],
            "sid": self.claims.get("sid"),
            **changed,
        }
        return signed({name: value for name, value in claims.items() if value is not None}, typ="logout+jwt")

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        allowed: Sequence[Network] = (),
        most: int = 0,
        within: int = 0,
    ) -> Answer:
        if self.down:
            raise OutboundFailed("down")
        if url == metadata_url(ISSUER):
            return _json(self.metadata)
        if url == ISSUER + "/jwks":
            return Answer(200, {}, jwks(public("RSA")))
        if url == ISSUER + "/me":
            return _json({"sub": self.claims["sub"], **self.user_info})
        assert url == ISSUER + "/token", url
        return self._exchange(parse_qs(body.decode()), headers)

    def _exchange(self, form: Mapping[str, Sequence[str]], headers: Mapping[str, str]) -> Answer:
        assert headers["authorization"].startswith("Basic ")
        asked = self._codes.pop(form["code"][0], None)
        if asked is None or challenge(form["code_verifier"][0]) != asked["code_challenge"]:
            return _json({"error": "invalid_grant"}, 400)
        assert form["redirect_uri"][0] == asked["redirect_uri"]
        self.exchanged.append(form)
        self.before_exchange()
        token = self.id_token(**{"nonce": asked["nonce"], **self.claims})
        return _json({"token_type": "Bearer", "access_token": "at", "id_token": token})


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, encode(value))
