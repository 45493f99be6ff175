"""What the gateway of pipelines answers when it refuses; the bodies are those of the reference."""

from __future__ import annotations

from typing import Any

from sojourn.core.errors import AuthTokenRefused, SojournError, TokenRefused, Unauthorized
from sojourn.http.replies import Reply, challenge, error_reply, json_reply

NO_ROUTE = json_reply(404, {"message": "no Route matched with those values"})

_BAD_TOKEN = {"message": "Bad token; invalid JSON"}
_NO_KEY_CLAIM = {"message": "No mandatory 'iss' in claims"}
_UNKNOWN_ISSUER = {"message": "No credentials found for given 'iss'"}
_BAD_SIGNATURE = {"message": "Invalid signature"}
_UNAUTHORIZED = {"message": "Unauthorized"}

#: Reason of ``TokenRefused`` -> body.
_BY_REASON: dict[str, dict[str, str]] = {
    "form": _BAD_TOKEN,
    "claims": _BAD_TOKEN,
    "issuer-missing": _NO_KEY_CLAIM,
    "issuer": _UNKNOWN_ISSUER,
    "audience": _UNKNOWN_ISSUER,
    "key": _UNKNOWN_ISSUER,
    "algorithm": _BAD_SIGNATURE,
    "signature": _BAD_SIGNATURE,
    "expired": {"exp": "token expired"},
    "not-yet": {"nbf": "token not valid yet"},
}


class Refused(Exception):
    """The gateway lets this request through no further."""

    def __init__(self, cause: str, reply: Reply) -> None:
        super().__init__(cause)
        #: A fixed word of ours, for the audit log.
        self.cause = cause
        #: The answer.
        self.reply = reply


def no_api_key(realm: str) -> Refused:
    """The request has no API key."""
    return _refused("apikey.missing", 401, {"message": "No API key found in request"}, realm, b"Key")


def bad_api_key(realm: str) -> Refused:
    """The API key is unknown or revoked."""
    return _refused("apikey.unknown", 401, {"message": "Invalid authentication credentials"}, realm, b"Key")


def not_a_consumer() -> Refused:
    """Who is known, but not for this pipeline."""
    return Refused("gateway.not_a_consumer", json_reply(403, {"message": "You cannot consume this service"}))


def bad_handle(error: SojournError, realm: str, execution_key: str) -> Refused:
    """The token is missing, refused, or its session ended."""
    if isinstance(error, TokenRefused):
        return _refused(f"token.{error.reason}", 401, _BY_REASON.get(error.reason, _UNAUTHORIZED), realm)
    if type(error) is Unauthorized:
        return _refused("token.missing", 401, _UNAUTHORIZED, realm)
    if isinstance(error, AuthTokenRefused) and error.reason != "script-not-allowed":
        return _refused(error.code, 401, _UNAUTHORIZED, realm)
    return Refused(error.code, error_reply(error, execution_key, realm))


def bad_password(error: SojournError, realm: str) -> Refused:
    """The name with its password is missing or wrong."""
    body = _UNAUTHORIZED if type(error) is Unauthorized else {"message": "Invalid authentication credentials"}
    return _refused(error.code, 401, body, realm, b"Basic")


def _refused(cause: str, status: int, body: Any, realm: str, scheme: bytes = b"Bearer") -> Refused:
    return Refused(cause, json_reply(status, body, challenge(realm, scheme)))
