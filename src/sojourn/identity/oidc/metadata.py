"""What a provider says of itself, and that it is the one that was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from sojourn.core.json import Json
from sojourn.identity.compact import decode_object
from sojourn.identity.oidc.errors import ProviderFailed
from sojourn.model.provider import is_plain_url

_WELL_KNOWN = "/.well-known/openid-configuration"


class Metadata(NamedTuple):
    """The metadata of one provider, as far as they are used here; an endpoint that it does not have is empty."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    userinfo: str = ""
    end_session: str = ""
    revocation: str = ""
    introspection: str = ""
    #: Whether each answer of the authorization endpoint names its issuer [RFC 9207].
    names_issuer: bool = False


def metadata_url(issuer: str) -> str:
    """Where the metadata of ``issuer`` lie."""
    return issuer.removesuffix("/") + _WELL_KNOWN


def read_metadata(body: bytes, issuer: str) -> Metadata:
    """The metadata in ``body``; raises :class:`ProviderFailed` unless they are exactly those of ``issuer``."""
    found = decode_object(body)
    if found is None:
        raise ProviderFailed("the metadata of the provider are no JSON object")
    if found.get("issuer") != issuer:
        raise ProviderFailed("the metadata of the provider name another issuer")
    _check_offers(found)
    return Metadata(
        issuer=issuer,
        authorization=_endpoint(found, "authorization_endpoint", issuer, needed=True),
        token=_endpoint(found, "token_endpoint", issuer, needed=True),
        jwks=_endpoint(found, "jwks_uri", issuer, needed=True),
        userinfo=_endpoint(found, "userinfo_endpoint", issuer),
        end_session=_endpoint(found, "end_session_endpoint", issuer),
        revocation=_endpoint(found, "revocation_endpoint", issuer),
        introspection=_endpoint(found, "introspection_endpoint", issuer),
        names_issuer=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _check_offers(found: Mapping[str, Json]) -> None:
    types, methods = found.get("response_types_supported"), found.get("code_challenge_methods_supported")
    if not isinstance(types, list) or "code" not in types:
        raise ProviderFailed("the provider does not offer the authorization code flow")
    # A provider that says nothing of PKCE may still do it, and ignores it otherwise.
    if methods is not None and (not isinstance(methods, list) or "S256" not in methods):
        raise ProviderFailed("the provider does not offer PKCE with S256")


def _endpoint(found: Mapping[str, Json], name: str, issuer: str, *, needed: bool = False) -> str:
    value = found.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not is_plain_url(value):
        raise ProviderFailed(f"the metadata of the provider have no {name}")
    try:
        url = urlsplit(value)
    except ValueError:
        raise ProviderFailed(f"the {name} of the provider is no https URL") from None
    # Without TLS only beside an issuer without TLS, which the guard reaches on this machine alone.
    secure = url.scheme == "https" or (url.scheme == "http" and issuer.startswith("http:"))
    if not secure or not url.hostname or url.fragment or url.username is not None:
        raise ProviderFailed(f"the {name} of the provider is no https URL")
    return value
