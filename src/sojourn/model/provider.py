"""An identity provider as its file in ``providers/`` says it."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from sojourn.core.clock import MINUTE, SECOND

Name = Annotated[str, Meta(min_length=1, max_length=100)]
Millis = Annotated[int, Meta(ge=0, le=1 << 40, extra={"unit": "milliseconds"})]
Url = Annotated[str, Meta(min_length=1, max_length=1_000)]

#: How the engine shows the provider that it is the client.
Authentication = Literal["client_secret_basic", "client_secret_post", "none"]

#: Algorithms of signatures that are taken from a provider.
Algorithm = Literal["RS256", "PS256", "ES256", "EdDSA"]


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One OpenID Connect provider. The secret of the client is never in it."""

    issuer: Annotated[Url, Meta(description="The provider's `issuer`, letter for letter as its metadata say it.")]
    client_id: Annotated[str, Meta(min_length=1, max_length=255, description="What the provider calls this engine.")]
    realms: Annotated[tuple[str, ...], Meta(min_length=1, description="Realms whose users may log in through it.")]
    title: Annotated[str, Meta(max_length=100, description="What people call it; default: the name of the file.")] = ""
    enabled: Annotated[
        bool, Meta(description="Whether it is enabled when the engine first meets it; later an operator decides.")
    ] = True
    client_authentication: Annotated[
        Authentication, Meta(description="How the engine authenticates at the token endpoint; `none`: PKCE alone.")
    ] = "client_secret_basic"
    client_secret_file: Annotated[
        Url | None,
        Meta(description="File of mode 0600 with the client secret; default: the one given by `providers secret`."),
    ] = None
    scopes: Annotated[
        tuple[Name, ...], Meta(max_length=30, description="What is asked for; `openid` is always among it.")
    ] = ("openid",)
    algorithm: Annotated[
        Algorithm | None,
        Meta(
            description="The only algorithm of its signatures; default: what each key says, RS256 for RSA keys without."
        ),
    ] = None
    acr_values: Annotated[
        tuple[Name, ...], Meta(max_length=10, description="Ways of logging in that are asked for, best first.")
    ] = ()
    max_age: Annotated[Millis | None, Meta(description="How long ago the user may have logged in at the provider.")] = (
        None
    )
    create_users: Annotated[
        bool, Meta(description="Whether somebody who logs in for the first time gets an account.")
    ] = False
    new_user_groups: Annotated[tuple[Name, ...], Meta(max_length=30, description="Groups of such an account.")] = ()
    new_user_scopes: Annotated[
        tuple[Name, ...], Meta(max_length=30, description="Scopes of such an account in the realm of its first login.")
    ] = ()
    user_name_claim: Annotated[
        Name | None,
        Meta(
            description="Claim that names such an account, where the name is free and may be one; it never identifies."
        ),
    ] = None
    email_authority: Annotated[
        tuple[Name, ...],
        Meta(max_length=100, description="Domains whose verified mail addresses lead to the account that has them."),
    ] = ()
    allowed_addresses: Annotated[
        tuple[Name, ...],
        Meta(max_length=30, description="Loopback or private networks in which the provider may be reached."),
    ] = ()
    clock_leeway: Annotated[
        int, Meta(ge=0, le=5 * MINUTE, description="How far its clock may differ.", extra={"unit": "milliseconds"})
    ] = 30 * SECOND
    post_logout_path: Annotated[
        Url | None, Meta(description="Path of ours to which the provider sends the browser after a logout there.")
    ] = None


#: Names of providers: safe in URLs and file names.
PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")

# Characters that a path of our own origin consists of [RFC 3986 3.3, 3.4, 3.5].
_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9._~!$&'()*+,;=:@%/?#-]*")
_LONGEST = 1_000


def is_plain_url(text: str) -> bool:
    """Whether ``text`` may be written into a header or a page as a URL: short, ASCII, no blanks, no backslash."""
    return len(text) <= _LONGEST and text.isascii() and text.isprintable() and " " not in text and "\\" not in text


def is_own_path(text: str) -> bool:
    """Whether ``text`` is a path of our own origin, to which a browser may be sent."""
    return len(text) <= _LONGEST and _PATH.fullmatch(text) is not None


def wrong_issuer(issuer: str) -> str:
    """What is wrong with ``issuer`` as an identifier, empty when nothing is."""
    try:
        url = urlsplit(issuer)
    except ValueError:
        return "an issuer is an https URL"
    if url.scheme not in ("https", "http") or not url.hostname:
        return "an issuer is an https URL"
    if "?" in issuer or "#" in issuer or url.username is not None:
        return "an issuer has no query, fragment or user information"
    return "" if is_plain_url(issuer) else "an issuer has neither blanks nor control characters"
