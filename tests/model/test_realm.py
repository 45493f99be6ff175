import msgspec
import pytest

from sojourn.core.clock import DAY, HOUR, MINUTE
from sojourn.model.realm import NOT_IN_EFFECT, Realm, RealmConfig


def realm(**properties: object) -> Realm:
    return Realm(key=1, id="r", name="acme", config=msgspec.convert(properties, RealmConfig))


def test_a_stateless_realm_has_the_defaults_of_the_product() -> None:
    plain = realm()
    assert (plain.session_idle, plain.session_lifetime, plain.touch_every) == (15 * MINUTE, DAY, 45_000)
    assert not plain.tracks
    assert plain.config.token_lifetime == HOUR


def test_a_stateful_realm_takes_the_limits_of_its_environments() -> None:
    shop = realm(environmentType="stateful", maxLifeTime=0, maxInactiveTime=5 * MINUTE)
    assert (shop.session_idle, shop.session_lifetime) == (5 * MINUTE, 30 * DAY)
    assert shop.tracks


def test_cookies_of_a_realm_for_cross_site_clients_never_authenticate() -> None:
    assert realm(environmentType="stateful").cookies_authenticate
    assert not realm(environmentType="stateful", crossSiteClients=True).cookies_authenticate


@pytest.mark.parametrize(
    ("properties", "kept"),
    [
        ({}, frozenset()),
        ({"sessionTrackingEnabled": True}, None),
        ({"sessionTrackingEnabled": True, "keepAtLogin": ["cart"]}, frozenset({"cart"})),
    ],
)
def test_what_survives_login_follows_the_cookie(properties: dict[str, object], kept: frozenset[str] | None) -> None:
    assert realm(**properties).kept_at_login == kept


def test_a_tiny_idle_limit_still_records_at_most_once_a_second() -> None:
    assert realm(sessionIdle=2000).touch_every == 1000
    assert realm(touchEvery=0).touch_every == 0


@pytest.mark.parametrize(
    ("properties", "idle", "lifetime", "most"),
    [
        ({"timeouts": "nist-aal1", "sessionLifetime": 300 * DAY}, 15 * MINUTE, 30 * DAY, 30 * DAY),
        ({"timeouts": "nist-aal2", "sessionIdle": 0}, HOUR, DAY, HOUR),
        ({"timeouts": "nist-aal3"}, 15 * MINUTE, 12 * HOUR, 15 * MINUTE),
        ({"timeouts": "nist-aal3", "sessionIdle": MINUTE, "sessionLifetime": HOUR}, MINUTE, HOUR, 15 * MINUTE),
        ({"timeouts": "nist-aal3", "sessionLifetime": 5 * MINUTE}, 15 * MINUTE, 5 * MINUTE, 5 * MINUTE),
        ({"sessionIdle": 0}, 0, DAY, DAY),
    ],
)
def test_a_preset_bounds_the_limits_and_shorter_ones_stay(
    properties: dict[str, object], idle: int, lifetime: int, most: int
) -> None:
    bounded = realm(**properties)
    assert (bounded.session_idle, bounded.session_lifetime, bounded.max_idle) == (idle, lifetime, most)


def test_shared_fields_outlive_the_last_session_by_30_days_unless_the_realm_says_otherwise() -> None:
    assert (realm().shares_fields, realm(globalSession="user").bag_idle) == (False, 30 * DAY)
    assert realm(globalSession="user", bagIdle=0).bag_idle == 0


@pytest.mark.parametrize("bad", [{"maxLifeTime": -1}, {"passwordMinLength": 7}, {"unknown": 1}, {"tokenLifetime": 0}])
def test_properties_out_of_bounds_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        realm(**bad)


def test_every_property_without_effect_is_a_property() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(RealmConfig)}
    assert names >= NOT_IN_EFFECT
