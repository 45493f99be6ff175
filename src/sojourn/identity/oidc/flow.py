"""The authorization code flow as the browser sees it: where it is sent, and what it brings back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from sojourn.core.clock import SECOND
from sojourn.core.ids import is_id, new_token
from sojourn.identity.compact import encode_part
from sojourn.identity.oidc.errors import LoginNotTaken
from sojourn.identity.oidc.metadata import Metadata

_PARAMETERS = ("code", "state", "iss", "error")
_MOST_CODE = 4_096
# What a provider may say went wrong [RFC 6749 4.1.2.1], kept short and printable for the log.
_ERROR = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class Secrets(NamedTuple):
    """What is made for one login and never used for another: 256 random bits each."""

    state: str
    nonce: str
    #: The PKCE verifier, which leaves the engine only at the token endpoint.
    verifier: str


class Returned(NamedTuple):
    """What the browser brought back from the provider."""

    state: str
    #: Empty when there is an :attr:`error`.
    code: str
    #: ``iss`` of the answer, empty without one.
    issuer: str
    error: str


def new_secrets() -> Secrets:
    """Fresh ones."""
    return Secrets(new_token(), new_token(), new_token())


def challenge(verifier: str) -> str:
    """The PKCE challenge for ``verifier``, method S256."""
    return encode_part(hashlib.sha256(verifier.encode()).digest())


def authorization_url(
    metadata: Metadata,
    secrets: Secrets,
    *,
    client_id: str,
    redirect_uri: str,
    scopes: Sequence[str],
    acr_values: Sequence[str] = (),
    max_age: int | None = None,
) -> str:
    """Where to send the browser; ``max_age`` in milliseconds."""
    wanted = {
        "response_type": "code",
        "response_mode": "query",
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(dict.fromkeys(("openid", *scopes))),
        "state": secrets.state,
        "nonce": secrets.nonce,
        "code_challenge": challenge(secrets.verifier),
        "code_challenge_method": "S256",
    }
    if acr_values:
        wanted["acr_values"] = " ".join(acr_values)
    if max_age is not None:
        wanted["max_age"] = str(max_age // SECOND)
    return with_parameters(metadata.authorization, wanted)


def logout_url(metadata: Metadata, *, client_id: str, return_to: str = "") -> str:
    """Where the user ends the session at the provider too, empty where it offers no such page."""
    if not metadata.end_session:
        return ""
    wanted = {"client_id": client_id}
    if return_to:
        wanted["post_logout_redirect_uri"] = return_to
    return with_parameters(metadata.end_session, wanted)


def read_returned(pairs: Iterable[tuple[str, str]]) -> Returned:
    """What the query of a callback says; raises :class:`LoginNotTaken` ``answer`` for one that no provider would send."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in _PARAMETERS:
            if name in found:
                raise LoginNotTaken("answer")
            found[name] = value
    state, code, error = found.get("state", ""), found.get("code", ""), found.get("error", "")
    if not is_id(state) or len(code) > _MOST_CODE or bool(code) == bool(error):
        raise LoginNotTaken("answer")
    return Returned(state, code, found.get("iss", ""), error if _ERROR.fullmatch(error) or not error else "unknown")


def check_answer(returned: Returned, metadata: Metadata) -> None:
    """Raise :class:`LoginNotTaken` unless the answer is of the provider that was asked and says no error.

    ``issuer`` for another one [RFC 9207]; ``denied`` when the user or the provider did not want to.
    """
    if (returned.issuer or metadata.names_issuer) and returned.issuer != metadata.issuer:
        raise LoginNotTaken("issuer")
    if returned.error:
        raise LoginNotTaken("denied", f"the identity provider answers: {returned.error}")


def with_parameters(url: str, parameters: dict[str, str]) -> str:
    """``url`` with ``parameters`` added to its query."""
    joint = "&" if "?" in url else "?"
    return url + joint + urlencode(parameters)
