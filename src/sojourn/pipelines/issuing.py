"""Whom a GENERATE step makes a session for, with which claims, scopes and times: rules without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.engine.tokens.access_tokens import check_claims
from sojourn.model.realm import RealmConfig
from sojourn.model.session import Identity
from sojourn.model.user import Account, account_identity, external_identity
from sojourn.pipelines.errors import StepFailed
from sojourn.pipelines.powers import TokenOrder

MAX_SUBJECT: Final = 255

#: The shortest life of a token, in milliseconds: ``exp`` has whole seconds.
MIN_LIFETIME: Final = 1_000

#: What trigger and ``login`` put into a message; it never becomes a claim of an account's token.
ENVELOPE: Final = frozenset(
    {"body", "form", "headers", "queryAndPath", "method", "contentType", "path", "files", "user"}
)

_NO_CLAIMS: Mapping[str, Json] = {}


class Login(NamedTuple):
    """A session to begin, and the limits of its token."""

    identity: Identity
    #: The limit of the token; None = all that the session may.
    scope: tuple[str, ...] | None = None
    #: The author's claims, where the identity does not keep them.
    claims: Mapping[str, Json] = {}
    #: The account that was authenticated.
    account: Account | None = None


def lifetime(order: TokenOrder, config: RealmConfig) -> int:
    """Life of the token in milliseconds; raises :class:`StepFailed` when the order wants more than the realm allows."""
    wanted = order.expires_in or config.token_lifetime
    if not MIN_LIFETIME <= wanted <= config.max_token_lifetime:
        raise StepFailed(f"expiresIn is {MIN_LIFETIME} to {config.max_token_lifetime} ms", 422)
    return wanted


def account_login(account: Account, order: TokenOrder, now: int) -> Login:
    """A login of ``account``: ``sub``, times and the most its scopes can be come from the account.

    Raises ``ReservedClaims`` for a property of the message that is a claim of the engine.
    """
    message = order.claims if isinstance(order.claims, dict) else _NO_CLAIMS
    claims = {name: value for name, value in message.items() if name not in ENVELOPE and name != "sub"}
    check_claims(claims)
    wanted = order.scopes
    scope = None if wanted is None else tuple(word for word in wanted if word in account.scopes)
    return Login(account_identity(account, now), scope, claims, account)


def external_login(order: TokenOrder, space: str, grants: tuple[str, ...], now: int) -> Login:
    """A login of the external principal that the message names.

    Raises :class:`StepFailed` without a usable ``sub`` and for a scope that the trigger does not grant, and
    ``ReservedClaims`` for a claim of the engine.
    """
    message = order.claims if isinstance(order.claims, dict) else _NO_CLAIMS
    subject = message.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT or not subject.isprintable():
        raise StepFailed(f"the message names nobody: sub is a text of 1-{MAX_SUBJECT} printable characters", 422)
    claims = {name: value for name, value in message.items() if name != "sub"}
    check_claims(claims)
    scopes = grants if order.scopes is None else order.scopes
    for scope in scopes:
        if scope not in grants:
            raise StepFailed(f"scope {scope!r} is not in the trigger's grants", 403)
    kept = json.encode_text(claims) if claims else ""
    return Login(external_identity(space, subject, scopes, kept, now))
