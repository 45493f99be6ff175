"""The requests that go from here to a provider: metadata, keys, the code, user info, revocation."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote_plus, urlencode

from sojourn.core.clock import MINUTE, Clock
from sojourn.core.errors import TokenRefused
from sojourn.core.json import Json
from sojourn.identity.compact import decode_object
from sojourn.identity.oidc.errors import LoginNotTaken, ProviderFailed
from sojourn.identity.oidc.keys import KeySet, ProviderKeys
from sojourn.identity.oidc.metadata import Metadata, metadata_url, read_metadata
from sojourn.model.provider import ProviderConfig
from sojourn.outbound.addresses import parse_networks
from sojourn.outbound.guard import Answer, Guard

#: Metadata are not used longer without being read again; milliseconds.
KEEP = 10 * MINUTE

_FORM = "application/x-www-form-urlencoded"
_OK = 200
_REFUSED = (400, 401)
# Parts of a key that no provider publishes, unless by mistake [RFC 7518 6].
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class Granted(NamedTuple):
    """What the token endpoint gave for a code or a refresh token."""

    access_token: str
    #: Empty where there was none, which only a refresh may do.
    id_token: str
    #: Empty where there was none.
    refresh_token: str


class Report(NamedTuple):
    """What a look at a provider found."""

    metadata: Metadata
    #: How many of its keys could verify an ID token.
    keys: int


class OidcClient:
    """This engine as the client of one provider."""

    def __init__(self, config: ProviderConfig, guard: Guard, clock: Clock) -> None:
        self._config = config
        self._guard = guard
        self._clock = clock
        self._allowed = parse_networks(config.allowed_addresses)
        self._metadata: Metadata | None = None
        self._metadata_at = 0
        #: The keys of the provider.
        self.keys = ProviderKeys(self._jwks, clock, config.algorithm)

    async def metadata(self) -> Metadata:
        """What the provider says of itself; raises :class:`ProviderFailed`, ``OutboundFailed``."""
        now = self._clock.now()
        if self._metadata is None or now - self._metadata_at >= KEEP:
            body = await self._get(metadata_url(self._config.issuer))
            self._metadata, self._metadata_at = read_metadata(body, self._config.issuer), now
        return self._metadata

    async def look(self) -> Report:
        """Ask the provider for its metadata and keys anew; raises as :meth:`metadata`."""
        self._metadata = None
        metadata = await self.metadata()
        return Report(metadata, len(KeySet(await self._jwks(), self._config.algorithm)))

    async def exchange(self, code: str, redirect_uri: str, verifier: str, secret: str) -> Granted:
        """What the provider gives for ``code``; ``secret`` is the client's, empty for a public client.

        Raises :class:`LoginNotTaken` ``code`` when it gives nothing, :class:`ProviderFailed`.
        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        granted = await self._grant({**form, "code_verifier": verifier}, secret)
        if not granted.id_token:
            raise ProviderFailed("the provider gave no ID token")
        return granted

    async def refresh(self, refresh_token: str, secret: str) -> Granted:
        """What the provider gives for a refresh token; raises as :meth:`exchange`."""
        return await self._grant({"grant_type": "refresh_token", "refresh_token": refresh_token}, secret)

    async def grant(self, form: Mapping[str, str], secret: str) -> Mapping[str, Json]:
        """What the token endpoint answers to ``form``, whatever its ``grant_type``; raises as :meth:`exchange`."""
        answer = await self._post((await self.metadata()).token, form, secret)
        found = decode_object(answer.body)
        if answer.status in _REFUSED and found is not None and found.get("error") == "invalid_grant":
            raise LoginNotTaken("code")
        if answer.status != _OK or found is None:
            raise ProviderFailed(f"the provider answers {answer.status} to a request for tokens")
        if str(found.get("token_type")).lower() != "bearer":
            raise ProviderFailed("the provider gave a token of an unknown type")
        return found

    async def introspect(self, token: str, secret: str) -> Mapping[str, Json]:
        """What the provider says of ``token`` [RFC 7662]; raises :class:`ProviderFailed`."""
        metadata = await self.metadata()
        if not metadata.introspection:
            raise ProviderFailed("the provider has no introspection endpoint")
        answer = await self._post(metadata.introspection, {"token": token}, secret)
        found = decode_object(answer.body)
        if answer.status != _OK or found is None or not isinstance(found.get("active"), bool):
            raise ProviderFailed(f"the provider answers {answer.status} to an introspection")
        return found

    async def revoke(self, token: str, secret: str, hint: str = "") -> None:
        """Let the provider refuse ``token`` from now on [RFC 7009]; raises :class:`ProviderFailed`.

        ``hint``: ``access_token`` or ``refresh_token``, where that is known.
        """
        metadata = await self.metadata()
        if not metadata.revocation:
            raise ProviderFailed("the provider has no revocation endpoint")
        form = {"token": token, **({"token_type_hint": hint} if hint else {})}
        answer = await self._post(metadata.revocation, form, secret)
        if answer.status != _OK:
            raise ProviderFailed(f"the provider answers {answer.status} to a revocation")

    async def jwk(self, kid: str) -> Mapping[str, Json] | None:
        """The public key of the provider with that id, as it publishes it; None without one. Raises as :meth:`metadata`."""
        found = decode_object(await self._jwks())
        keys = found.get("keys") if found is not None else None
        members = (
            [key for key in keys if isinstance(key, dict) and key.get("kid") == kid] if isinstance(keys, list) else []
        )
        if len(members) != 1 or members[0].get("kty") == "oct":
            return None
        return {name: value for name, value in members[0].items() if name not in _PRIVATE}

    async def user_info(self, access_token: str, subject: str | None) -> Mapping[str, Json]:
        """What the provider says of the user; raises ``TokenRefused`` ``subject`` when it is of somebody else.

        ``subject`` None: whoever it is.
        """
        metadata = await self.metadata()
        if not metadata.userinfo:
            return {}
        body = await self._get(metadata.userinfo, {"authorization": f"Bearer {access_token}"})
        found = decode_object(body)
        if found is None:
            raise ProviderFailed("the user info of the provider is no JSON object")
        if subject is not None and found.get("sub") != subject:
            raise TokenRefused("subject")
        return found

    async def _grant(self, form: Mapping[str, str], secret: str) -> Granted:
        found = await self.grant(form, secret)
        texts = [found.get(name, "") for name in ("access_token", "id_token", "refresh_token")]
        access, identity, refresh = (text if isinstance(text, str) else "" for text in texts)
        return Granted(access, identity, refresh)

    async def _jwks(self) -> bytes:
        return await self._get((await self.metadata()).jwks)

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        wanted = {"accept": "application/json", **(headers or {})}
        answer = await self._guard.fetch("GET", url, headers=wanted, allowed=self._allowed)
        if answer.status != _OK:
            raise ProviderFailed(f"the provider answers {answer.status}")
        return answer.body

    async def _post(self, url: str, form: Mapping[str, str], secret: str) -> Answer:
        headers = {"accept": "application/json", "content-type": _FORM}
        fields = dict(form)
        match self._config.client_authentication:
            case "client_secret_basic":
                headers["authorization"] = _basic(self._config.client_id, secret)
            case "client_secret_post":
                fields |= {"client_id": self._config.client_id, "client_secret": secret}
            case "none":
                fields["client_id"] = self._config.client_id
        body = urlencode(fields).encode()
        return await self._guard.fetch("POST", url, headers=headers, body=body, allowed=self._allowed)


def _basic(client_id: str, secret: str) -> str:
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
