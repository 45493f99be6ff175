"""Realm: isolation boundary and session profile in one noun.

``RealmConfig`` holds the properties of ``realms/<name>/*.json`` under their names; times in milliseconds. The first ten
are the reference's RealmConfig, the rest are ours. Which of them have an effect in this version is said by
:data:`NOT_IN_EFFECT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from sojourn.core.clock import DAY, HOUR, MINUTE, SECOND
from sojourn.model.field import DEFAULT_LIMITS, Limits

#: A JWT may live a year at most.
MAX_TOKEN_LIFETIME = 365 * DAY

#: Longest time that a property may name: a hundred years.
MAX_MILLIS = 36_500 * DAY

#: How long the shared fields of a principal outlive the last session where ``bagIdle`` says nothing.
BAG_IDLE = 30 * DAY


class Bounds(NamedTuple):
    """What the limits of a session may be at most, in milliseconds."""

    #: Longest idle limit; 0 = no bound, and none at all is fine too.
    idle: int
    lifetime: int


#: The presets of ``timeouts``: NIST SP 800-63B-4, times only.
TIMEOUTS: Mapping[str, Bounds] = {
    "nist-aal1": Bounds(0, 30 * DAY),
    "nist-aal2": Bounds(HOUR, DAY),
    "nist-aal3": Bounds(15 * MINUTE, 12 * HOUR),
}
_NO_BOUNDS = Bounds(0, MAX_MILLIS)

_MS = {"unit": "milliseconds"}
Millis = Annotated[int, Meta(ge=0, le=MAX_MILLIS, extra=_MS)]
Key = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]
ScopeWord = Annotated[str, Meta(min_length=1, max_length=100)]


class RealmConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The merged properties of one realm, as written; use :class:`Realm` for what follows from them."""

    environment_type: Annotated[
        Literal["stateless", "stateful"], Meta(description="Whether a session owns a JavaScript environment.")
    ] = "stateless"
    runtime: Annotated[
        Literal["ije", "v8"],
        Meta(description="Runtime of its scripts; an open session keeps the one that it began with."),
    ] = "ije"
    cleanup_environment: Annotated[
        bool,
        Meta(
            description="A fresh global scope for every execution in a stateless realm; `false` says that its users trust "
            "each other with what scripts leave behind."
        ),
    ] = True
    max_life_time: Annotated[Millis, Meta(description="Age limit of an environment; 0 = unlimited.")] = DAY
    max_inactive_time: Annotated[Millis, Meta(description="Idle limit of an environment.")] = 15 * MINUTE
    script_cpu: Annotated[
        int, Meta(ge=10, le=10 * MINUTE, description="CPU time of one execution of a script.", extra=_MS)
    ] = 2 * SECOND
    script_timeout: Annotated[
        int, Meta(ge=10, le=HOUR, description="Time of one execution of a script, host calls included.", extra=_MS)
    ] = 30 * SECOND
    script_memory: Annotated[
        int, Meta(ge=4 << 20, le=4 << 30, description="Memory of the JavaScript values of an environment, in bytes.")
    ] = 64 << 20
    script_output: Annotated[
        int, Meta(ge=1024, le=1 << 30, description="The most that one execution may give out, in bytes.")
    ] = 8 << 20
    http_compression_enabled: Annotated[
        bool, Meta(description="Compress answers of scripts and pipelines with gzip.")
    ] = False
    client_tracking_enabled: Annotated[bool, Meta(description="Identify the device by a cookie.")] = False
    session_tracking_enabled: Annotated[
        bool | None, Meta(description="Follow the session with a cookie; default: true in stateful realms.")
    ] = None
    login_auditing_enabled: Annotated[bool, Meta(description="Write each login to the change log too.")] = False
    application: Annotated[Key | None, Meta(description="Key of the application of all sessions.")] = None

    field_auditing: Annotated[
        bool,
        Meta(
            description="Write every change of GLOBAL fields to the change log before it is done: who, in which session, "
            "which fields; not what they hold."
        ),
    ] = False
    session_idle: Annotated[
        Millis | None,
        Meta(description="Idle limit of the session, 0 = none; default: 15 min, in stateful realms maxInactiveTime."),
    ] = None
    session_lifetime: Annotated[
        Millis | None,
        Meta(description="Absolute limit of the session; default: 1 day, in stateful realms maxLifeTime or 30 days."),
    ] = None
    touch_every: Annotated[
        Millis | None,
        Meta(
            description="How stale the recorded last access may get, 0 = record every request; "
            "default 1/20 of the idle limit, at least 1 s."
        ),
    ] = None
    token_lifetime: Annotated[int, Meta(ge=1, description="`exp` of a JWT where the step names none.", extra=_MS)] = (
        HOUR
    )
    max_token_lifetime: Annotated[
        int, Meta(ge=1, le=MAX_TOKEN_LIFETIME, description="Longest life of a JWT.", extra=_MS)
    ] = MAX_TOKEN_LIFETIME
    directory: Annotated[str, Meta(min_length=1, max_length=60, description="The accounts of the realm.")] = "main"
    login_scope: Annotated[ScopeWord | None, Meta(description="Who lacks it cannot log in.")] = None
    hosts: Annotated[
        tuple[str, ...] | None, Meta(description="Host names that the realm answers on, and only there; default: any.")
    ] = None
    cross_site_clients: Annotated[
        bool, Meta(description="`serverId` with SameSite=None; cookies of the realm then never authenticate.")
    ] = False
    sid_in_query: Annotated[bool, Meta(description="`ngin_sid` also from the query string.")] = False
    api_key_in_query: Annotated[bool, Meta(description="`apikey` also from the query string.")] = False
    keep_at_login: Annotated[
        tuple[str, ...] | None,
        Meta(description="Fields that survive login; default: all in realms with cookies, none in others."),
    ] = None
    password_min_length: Annotated[
        int, Meta(ge=8, le=1024, description="Shortest password of an account that logs in here.")
    ] = 15
    password_history: Annotated[
        int, Meta(ge=0, le=24, description="How many former passwords of an account cannot be chosen again.")
    ] = 0
    password_max_age: Annotated[
        Millis, Meta(description="After so long a password has to be changed at the next login; 0 = never.")
    ] = 0
    max_tries_before_lock: Annotated[
        int,
        Meta(ge=0, description="Failed logins in a row that lock the account; 0 = never: tries are slowed down only."),
    ] = 0
    refresh_lifetime: Annotated[
        Millis, Meta(description="Life of a refresh token that the login hands out; 0 = it hands out none.")
    ] = 0
    key_rotation: Annotated[
        Millis, Meta(description="Age at which the engine rotates the realm's signing key; 0 = only by hand.")
    ] = 90 * DAY
    clear_site_data: Annotated[
        Literal["cache", "storage"], Meta(description="What logout clears in the browser; storage includes cache.")
    ] = "cache"
    jwt_algorithm: Annotated[
        Literal["EdDSA", "HS256"],
        Meta(
            description="How JWTs are signed: by a key of the realm, or by a secret of each login that only the engine knows."
        ),
    ] = "EdDSA"
    timeouts: Annotated[
        Literal["nist-aal1", "nist-aal2", "nist-aal3"] | None,
        Meta(
            description="Upper bounds of every session's limits: 30 days; 24 h, idle 1 h; 12 h, idle 15 min. "
            "Shorter ones hold as they are."
        ),
    ] = None
    max_sessions_per_user: Annotated[
        AtLeastOne | None, Meta(description="Live sessions of one account in this realm; default: no limit.")
    ] = None
    session_limit_policy: Annotated[
        Literal["deny", "evict-oldest", "evict-idle"],
        Meta(
            description="At the limit: refuse the login, or end the session that is oldest or has been idle the longest."
        ),
    ] = "deny"
    global_session: Annotated[
        Literal["login", "user"], Meta(description="`user` shares GLOBAL fields between sessions of one principal.")
    ] = "login"
    bag_idle: Annotated[
        Millis | None,
        Meta(description="How long the shared fields outlive the principal's last session; default: 30 days."),
    ] = None
    accept_session_tokens_of: Annotated[
        tuple[str, ...], Meta(description="Realms whose session tokens give identity here.")
    ] = ()
    runners_from: Annotated[tuple[str, ...], Meta(description="Realms whose scripts may open a runner here.")] = ()
    fresh_login: Annotated[
        Millis | Literal["off"], Meta(description="Age of the login that sensitive acts accept.")
    ] = 10 * MINUTE
    runs_survive_logout: Annotated[
        bool | None,
        Meta(description="Durable runs go on after their session ended; default: true for accounts, false for others."),
    ] = None
    trusted_hosts: Annotated[tuple[str, ...], Meta(description="Where `Inject JWT` may send.")] = ()


#: Properties that are parsed and validated but whose effect comes with later work.
NOT_IN_EFFECT = frozenset(
    {
        "loginAuditingEnabled",
        "runsSurviveLogout",
        "trustedHosts",
    }
)


class Realm(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One realm of a running engine. What follows from the properties is worked out once: every request asks for it."""

    #: Key of its row in the engine database, never used twice.
    key: int
    #: Immutable random id: in every record, in the ``aud`` of every JWT.
    id: str
    #: Name of its folder, in URLs and cookie names.
    name: str
    config: RealmConfig
    #: The platform's *Globals*: text values for ``{{ global.name }}``.
    globals: Mapping[str, str] = {}

    @cached_property
    def stateful(self) -> bool:
        """Whether its sessions own an environment."""
        return self.config.environment_type == "stateful"

    @cached_property
    def tracks(self) -> bool:
        """Whether its sessions travel in a cookie."""
        chosen = self.config.session_tracking_enabled
        return self.stateful if chosen is None else chosen

    @cached_property
    def cookies_authenticate(self) -> bool:
        """Whether a session cookie opens a session here."""
        return self.tracks and not self.config.cross_site_clients

    @cached_property
    def bounds(self) -> Bounds:
        """Upper bounds of every session's limits, by ``timeouts``."""
        return TIMEOUTS[self.config.timeouts] if self.config.timeouts else _NO_BOUNDS

    @cached_property
    def session_idle(self) -> int:
        """Idle limit of a session in milliseconds, 0 = none."""
        chosen = self.config.session_idle
        if chosen is None:
            chosen = self.config.max_inactive_time if self.stateful else 15 * MINUTE
        return self.bounded_idle(chosen)

    @cached_property
    def session_lifetime(self) -> int:
        """Absolute limit of a session in milliseconds, > 0."""
        chosen = self.config.session_lifetime
        if not chosen:
            chosen = (self.config.max_life_time or 30 * DAY) if self.stateful else DAY
        return min(chosen, self.bounds.lifetime)

    @cached_property
    def max_idle(self) -> int:
        """Longest idle limit that a session may be given while it lives, in milliseconds."""
        return min(self.session_lifetime, self.bounds.idle or self.session_lifetime)

    def bounded_idle(self, idle: int) -> int:
        """``idle`` within :attr:`bounds`; no idle limit at all becomes the bound where there is one."""
        most = self.bounds.idle
        return most if most and not 0 < idle <= most else idle

    @cached_property
    def touch_every(self) -> int:
        """How stale the recorded last access may get, in milliseconds; 0 = record every request."""
        if self.config.touch_every is not None:
            return self.config.touch_every
        return max(SECOND, self.session_idle // 20) if self.session_idle else MINUTE

    def touch_after(self, idle: int) -> int:
        """The same for a session with an idle limit of its own: a shorter one is recorded as much more often."""
        if not idle or idle == self.session_idle:
            return self.touch_every
        # A limit below two seconds is left half of its time, not the second that is the least otherwise.
        own = min(max(SECOND, idle // 20), idle // 2)
        if self.config.touch_every is None:
            return own
        return self.touch_every if idle > self.session_idle > 0 else min(self.touch_every, own)

    @cached_property
    def shares_fields(self) -> bool:
        """Whether the fields of all sessions of one principal are one bag."""
        return self.config.global_session == "user"

    @cached_property
    def bag_idle(self) -> int:
        """How long the bag outlives the principal's last session, in milliseconds."""
        return BAG_IDLE if self.config.bag_idle is None else self.config.bag_idle

    @cached_property
    def kept_at_login(self) -> frozenset[str] | None:
        """Names of the fields that survive a login by cookie; None = all."""
        if self.config.keep_at_login is not None:
            return frozenset(self.config.keep_at_login)
        return None if self.tracks else frozenset()

    @cached_property
    def limits(self) -> Limits:
        """What the GLOBAL fields of one session may hold."""
        return DEFAULT_LIMITS
