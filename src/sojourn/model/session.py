"""Session: the one server-side record that every handle leads to, and the one rule of its death."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from sojourn.core.errors import SessionEnded
from sojourn.core.ids import same
from sojourn.model.address import address_block
from sojourn.model.field import Field

ANONYMOUS_KEY = -1
ANONYMOUS_NAME = "anonymous"

#: Owners of anonymous sessions begin with this; see :attr:`Session.owner`.
NOBODY = "n:"

#: Why a session ended. ``replaced-by-login`` and ``session-limit`` make room for another session of the same client
#: or owner; ``revoked`` follows a refused signing key; ``refresh-reused`` a refresh token that came twice;
#: ``provider-logout`` what an identity provider said; ``restored`` a store that was put back to an older state.
EndReason = Literal[
    "logout",
    "idle",
    "absolute",
    "dropped",
    "replaced-by-login",
    "session-limit",
    "password-changed",
    "user-disabled",
    "user-deleted",
    "realm-removed",
    "ended-everywhere",
    "token-revoked",
    "revoked",
    "refresh-reused",
    "provider-logout",
    "provider-disabled",
    "restored",
]

#: How many live JWTs a session lists; the oldest is dropped.
MAX_TOKENS = 16

#: How long a replaced secret is still recognised (never accepted), in milliseconds.
REPLACED_FOR = 60_000


# gc=False: what these hold can lead back to none of them, so the garbage collector need not look for cycles.


class End(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Why, when and by whom a session was ended."""

    reason: EndReason
    #: Milliseconds since 1970.
    at: int
    #: Public name of who did it; empty for the engine itself and for the session's own user.
    actor: str = ""
    #: Free text of the operator, or the rule that fired.
    rule: str = ""

    def error(self) -> SessionEnded:
        """What who holds a handle of the session is told: never a name, and of the text only what was meant for the user."""
        text = self.rule if self.reason == "dropped" else ""
        return SessionEnded(self.reason, self.at, by_operator=bool(self.actor), text=text)


class Fences(msgspec.Struct, frozen=True, gc=False):
    """The ``authEpoch`` numbers of account, realm and engine that a session was made under."""

    account: int = 0
    realm: int = 0
    engine: int = 0


class Identity(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """Who a session acts for. It changes only at login, logout and privilege change."""

    #: ``""`` anonymous; ``a:<account key>``; ``x:<space>:<sub>`` for an external principal.
    principal: str = ""
    #: Key of the account, -1 without one.
    user_key: int = ANONYMOUS_KEY
    #: Name of the account at login (for lists; checks use the account itself).
    user_name: str = ANONYMOUS_NAME
    #: ``sub`` of an external principal, else empty.
    subject: str = ""
    #: Space of an external principal, else empty.
    space: str = ""
    #: Whether the session has all that its account has; otherwise ``scope`` is its limit.
    full_scope: bool = False
    scope: tuple[str, ...] = ()
    #: When the login happened, 0 for anonymous; milliseconds since 1970.
    login_at: int = 0
    #: Claims that an external principal's pipeline put into the token, as JSON text.
    claims: str = ""
    #: Key of the AuthToken that logged the session in, 0 without one: it ends when that token does.
    auth_token: int = 0
    #: Key of the identity provider that authenticated the session, 0 for every other way.
    provider: int = 0
    #: What the provider calls its own session, empty where it says nothing.
    provider_sid: str = ""
    #: How the login was done, as the provider says it: ``acr`` and ``amr`` of the ID token.
    acr: str = ""
    amr: tuple[str, ...] = ()
    #: Key of the account that impersonates this one, 0 for nobody; the session has what both have.
    actor_key: int = 0
    #: Name of that account, for lists and logs.
    actor: str = ""
    #: The secret that signs the session's tokens, sealed; empty where a key of the realm does.
    token_key: str = ""

    @property
    def kind(self) -> Literal["anonymous", "account", "external"]:
        """Whether it is nobody, an account of the engine, or somebody whom a pipeline vouched for."""
        if self.principal.startswith("a:"):
            return "account"
        return "external" if self.principal.startswith("x:") else "anonymous"


class Device(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is known of the client that made the session."""

    client: str = ""
    address: str = ""
    agent: str = ""


class IssuedToken(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A JWT of a session, listed in its record so that a key alone cannot make one."""

    #: SHA-256 of the ``jti``.
    hash: bytes
    #: Instant of ``exp``.
    expires: int
    #: Whether it carries all of the session's scope; otherwise ``scope`` is its limit and the handle is delegated.
    full_scope: bool = False
    scope: tuple[str, ...] = ()
    #: Which key signed it; empty when that was the session's own.
    kid: str = ""
    #: :attr:`hash` of the delegated token that asked for it: it holds only while that one is listed too.
    parent: bytes = b""
    #: Whether this entry takes back an earlier one of the same :attr:`hash`.
    revoked: bool = False


class Session(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One session as its store keeps it; its fields are kept beside it."""

    #: Public reference, 256 random bits; opens nothing.
    id: str
    #: Immutable id of the realm.
    realm: str
    #: SHA-256 of the secret that opens it.
    secret: bytes
    #: SHA-256 of the secret before the last rotation, and when it was replaced.
    replaced: bytes = b""
    replaced_at: int = 0
    identity: Identity = Identity()
    device: Device = Device()
    fences: Fences = Fences()
    tokens: tuple[IssuedToken, ...] = ()
    created: int
    #: Last *recorded* access; never goes back.
    last: int
    #: Idle limit in milliseconds, 0 = none.
    idle: int = 0
    #: Absolute limit, an instant.
    absolute: int
    #: Fencing number, ≥ 1: bumped by every rotation and by the end.
    epoch: int = 1
    #: Number of changes; fields carry the version that wrote them.
    version: int = 0

    @property
    def principal(self) -> str:
        """``identity.principal``: the key under which sessions of one person are listed."""
        return self.identity.principal

    @property
    def owner(self) -> str:
        """The key under which a store indexes and limits sessions: see :func:`owner_of`."""
        return owner_of(self.identity, self.device)

    @property
    def standalone(self) -> bool:
        """Whether the engine made it for its own work and keeps no record of it: no secret opens it."""
        return not self.secret

    @property
    def dies_at(self) -> int:
        """The instant at which it is dead when nothing touches it."""
        return min(self.absolute, self.last + self.idle) if self.idle else self.absolute


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """What a login, logout or privilege change replaces; id, creation time and realm stay."""

    secret: bytes
    identity: Identity
    device: Device
    fences: Fences
    idle: int
    absolute: int
    tokens: tuple[IssuedToken, ...] = ()
    #: Names of the fields that survive; None = all.
    keep: frozenset[str] | None = None


class Loaded(NamedTuple):
    """A live session with its fields."""

    session: Session
    fields: Mapping[str, Field]


class Tombstone(NamedTuple):
    """What stays of an ended session for 30 days."""

    session: Session
    end: End


def owner_of(identity: Identity, device: Device) -> str:
    """Whose sessions are limited together: those of a principal, else the anonymous ones of an address block."""
    return identity.principal or NOBODY + address_block(device.address)


#: How long a tombstone is kept, in milliseconds.
TOMBSTONE_FOR = 30 * 24 * 60 * 60 * 1000


def death(end: End | None, *, last: int, idle: int, absolute: int, now: int) -> End | None:
    """The one rule of death: the end as of ``now``, or None while alive.

    Alive iff ``now < min(absolute, last + idle)``; at the very instant it is dead. An end that was written stays; of
    two limits the earlier is the reason.
    """
    if end is not None:
        return end
    by_idle = last + idle if idle else absolute + 1
    dies = min(absolute, by_idle)
    if now < dies:
        return None
    return End("absolute" if absolute <= by_idle else "idle", dies)


def listed_token(tokens: tuple[IssuedToken, ...], token_hash: bytes) -> IssuedToken | None:
    """The entry of a token that holds: the last of its hash takes nothing back, and its parent holds too."""
    found = None
    for issued in tokens:
        # No early exit: the time says nothing of how many entries came before.
        if same(issued.hash, token_hash):
            found = issued
    if found is None or found.revoked:
        return None
    # A parent was listed before its child, so the way up is never longer than the list.
    return found if not found.parent or listed_token(tokens, found.parent) is not None else None


def list_token(tokens: tuple[IssuedToken, ...], token: IssuedToken, now: int) -> tuple[IssuedToken, ...]:
    """``tokens`` with ``token`` added: expired ones go, then the oldest while there are more than 16."""
    live = tuple(known for known in tokens if known.expires > now)
    return (*live, token)[-MAX_TOKENS:]
