"""What the properties of one realm must not say together. A rule yields problems; its name is its case."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sojourn.config.addresses import BadAddress, check_host
from sojourn.config.problems import Problem
from sojourn.config.realms import MergedRealm
from sojourn.core.errors import BadScope, FieldLimit
from sojourn.model.field import check_name
from sojourn.model.realm import NOT_IN_EFFECT
from sojourn.model.scope import parse_scope

RealmRule = Callable[[MergedRealm], Iterator[Problem]]


def realm_later(realm: MergedRealm) -> Iterator[Problem]:
    """Properties of later versions are listed."""
    for key in sorted(NOT_IN_EFFECT & realm.given.keys()):
        yield realm.problem(key, "not in effect in this version", severity="note")


def realm_token_lifetime(realm: MergedRealm) -> Iterator[Problem]:
    """A JWT without a time of its own obeys the maximum too."""
    config = realm.config
    if config.token_lifetime > config.max_token_lifetime:
        message = f"is {config.token_lifetime} ms, more than maxTokenLifetime, {config.max_token_lifetime} ms"
        if "tokenLifetime" in realm.given:
            yield realm.problem("tokenLifetime", message)
        else:
            message = f"is {config.max_token_lifetime} ms, less than tokenLifetime, {config.token_lifetime} ms"
            yield realm.problem("maxTokenLifetime", message)


def realm_session_lifetime(realm: MergedRealm) -> Iterator[Problem]:
    """Every session has an absolute limit."""
    if realm.config.session_lifetime == 0:
        yield realm.problem("sessionLifetime", "0 is no limit, and a session always has one")


def realm_session_idle(realm: MergedRealm) -> Iterator[Problem]:
    """An idle limit beyond the absolute one never acts."""
    idle, lifetime = realm.config.session_idle, realm.realm.session_lifetime
    if idle and idle > lifetime:
        yield realm.problem("sessionIdle", f"is {idle} ms, more than the session's absolute limit, {lifetime} ms")


def realm_environment_times(realm: MergedRealm) -> Iterator[Problem]:
    """The same of an environment, whose age limit may be 0 = unlimited."""
    config = realm.config
    both = {"maxInactiveTime", "maxLifeTime"} <= realm.given.keys()
    if both and 0 < config.max_life_time < config.max_inactive_time:
        message = f"is {config.max_inactive_time} ms, more than maxLifeTime, {config.max_life_time} ms"
        yield realm.problem("maxInactiveTime", message)


def realm_touch_every(realm: MergedRealm) -> Iterator[Problem]:
    """Accesses must be recorded before the idle limit passes."""
    touch, idle = realm.config.touch_every, realm.realm.session_idle
    if touch and idle and touch >= idle:
        message = f"is {touch} ms, not less than the idle limit, {idle} ms: no access would be recorded in time"
        yield realm.problem("touchEvery", message)


def realm_timeouts(realm: MergedRealm) -> Iterator[Problem]:
    """Limits of sessions that are written down stay within the preset; over others it wins."""
    config, bounds = realm.config, realm.realm.bounds
    if config.timeouts is None:
        return
    if bounds.idle and config.session_idle is not None and not 0 < config.session_idle <= bounds.idle:
        yield realm.problem("sessionIdle", f"{config.timeouts} allows at most {bounds.idle} ms")
    if config.session_lifetime is not None and config.session_lifetime > bounds.lifetime:
        yield realm.problem("sessionLifetime", f"{config.timeouts} allows at most {bounds.lifetime} ms")
    for key, most, what in (
        ("maxInactiveTime", bounds.idle if realm.realm.stateful else 0, config.max_inactive_time),
        ("maxLifeTime", bounds.lifetime if realm.realm.stateful else 0, config.max_life_time),
        ("tokenLifetime", bounds.lifetime, config.token_lifetime),
        ("maxTokenLifetime", bounds.lifetime, config.max_token_lifetime),
    ):
        if key in realm.given and most and not 0 < what <= most:
            yield realm.problem(key, f"{config.timeouts} wins: a session ends after {most} ms", severity="note")


def realm_login_scope(realm: MergedRealm) -> Iterator[Problem]:
    """A scope is a scope everywhere."""
    try:
        parse_scope(realm.config.login_scope or "none")
    except BadScope as error:
        yield realm.problem("loginScope", error.message)


def realm_hosts(realm: MergedRealm) -> Iterator[Problem]:
    """Hosts are names without scheme and port; an empty list would answer nobody."""
    if realm.config.hosts == ():
        yield realm.problem("hosts", "an empty list answers nobody; leave it out to answer on every host")
    for key, hosts in (("hosts", realm.config.hosts or ()), ("trustedHosts", realm.config.trusted_hosts)):
        for index, host in enumerate(hosts):
            try:
                check_host(host)
            except BadAddress as error:
                yield realm.item_problem(key, index, error.message)


def realm_keep_at_login(realm: MergedRealm) -> Iterator[Problem]:
    """Fields that survive have possible names, and a cookie that brings them."""
    for index, name in enumerate(realm.config.keep_at_login or ()):
        try:
            check_name(name)
        except FieldLimit:
            yield realm.item_problem("keepAtLogin", index, "the name of a field has 1-256 bytes")
    if realm.config.keep_at_login and not realm.realm.tracks:
        yield realm.problem("keepAtLogin", "has no effect without a session cookie", severity="warning")


def realm_sid_in_query(realm: MergedRealm) -> Iterator[Problem]:
    """ngin_sid is for realms without a session cookie."""
    if realm.config.sid_in_query and realm.realm.tracks:
        yield realm.problem("sidInQuery", "ngin_sid is never read where sessionTrackingEnabled is on")


def realm_cross_site_clients(realm: MergedRealm) -> Iterator[Problem]:
    """Cross-site clients do without the session cookie."""
    if realm.config.cross_site_clients and realm.realm.tracks:
        message = "the session cookie of this realm never authenticates"
        yield realm.problem("crossSiteClients", message, severity="warning")


def realm_session_limit(realm: MergedRealm) -> Iterator[Problem]:
    """A policy needs a limit."""
    if "sessionLimitPolicy" in realm.given and realm.config.max_sessions_per_user is None:
        yield realm.problem("sessionLimitPolicy", "has no effect without maxSessionsPerUser", severity="warning")


def realm_bag_idle(realm: MergedRealm) -> Iterator[Problem]:
    """Only a shared bag outlives its session."""
    if realm.config.bag_idle is not None and realm.config.global_session == "login":
        yield realm.problem("bagIdle", 'has no effect without "globalSession": "user"', severity="warning")


def realm_session_tokens(realm: MergedRealm) -> Iterator[Problem]:
    """Session tokens of others give identity only, which is nothing for an environment of one's own."""
    if realm.config.accept_session_tokens_of and realm.realm.stateful:
        yield realm.problem("acceptSessionTokensOf", "only a stateless realm takes session tokens of others")


REALM_RULES: tuple[RealmRule, ...] = (
    realm_later,
    realm_token_lifetime,
    realm_session_lifetime,
    realm_session_idle,
    realm_environment_times,
    realm_touch_every,
    realm_timeouts,
    realm_login_scope,
    realm_hosts,
    realm_keep_at_login,
    realm_sid_in_query,
    realm_cross_site_clients,
    realm_session_limit,
    realm_bag_idle,
    realm_session_tokens,
)
