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


@pytest.mark.parametrize("bad", [{"maxLifeTime": -1}, {"passwordMinLength": 7}, {"unknown": 1}, {"tokenLifetime": 0}])
def test_properties_out_of_bounds_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        realm(**bad)


def test_every_property_without_effect_is_a_property() -> None:
    names = {field.encode_name for field in msgspec.structs.fields(RealmConfig)}
    assert names >= NOT_IN_EFFECT
