"""How a path finds its pipeline, and what a trigger is by default."""

from __future__ import annotations

import pytest

from sojourn.config.problems import ConfigError
from sojourn.pipelines.deployment import Deployment
from sojourn.pipelines.model import Plan
from tests.pipelines.flows import make, plan


def named(name: str, *routes: str, version: str = "1.0", realm: str = "acme") -> Plan:
    return plan(make({}), name=name, version=version, realm=realm, routes=list(routes))


def test_a_name_is_found_in_its_realm_and_major_version_alone() -> None:
    one, two, beta = named("cart"), named("cart", version="2.3"), named("cart", realm="beta")
    deployment = Deployment([one, two, beta])
    assert deployment.plans() == (one, two, beta)
    for realm, major, expected in (("acme", 1, one), ("acme", 2, two), ("beta", 1, beta)):
        match = deployment.match(realm, major, "cart")
        assert match is not None
        assert match.plan is expected
        assert match.path_params == {}
    assert deployment.match("beta", 2, "cart") is None
    assert deployment.match("gamma", 1, "cart") is None


@pytest.mark.parametrize("path", ["", "cart/", "/cart", "Cart", "cart/7/items", "orders", "orders/", "orders//7"])
def test_nothing_else_is_found(path: str) -> None:
    assert Deployment([named("cart", "/orders/:id")]).match("acme", 1, path) is None


def test_a_fixed_segment_goes_before_a_parameter() -> None:
    mine, any_order, items = (
        named("mine", "/orders/mine"),
        named("any", "orders/:id"),
        named("items", "/orders/:id/:item"),
    )
    deployment = Deployment([any_order, items, mine])
    found = {path: deployment.match("acme", 1, path) for path in ("orders/mine", "orders/8", "orders/mine/9")}
    assert {path: (match.plan.name, match.path_params) for path, match in found.items() if match} == {
        "orders/mine": ("mine", {}),
        "orders/8": ("any", {"id": "8"}),
        "orders/mine/9": ("items", {"id": "mine", "item": "9"}),
    }


def test_a_route_cannot_be_the_name_of_another_pipeline() -> None:
    with pytest.raises(ConfigError, match=r"route '/cart' is declared twice, it is also in pipelines/cart\.yaml"):
        Deployment([named("cart"), named("other", "/cart")])


def test_one_route_under_two_majors_or_realms_is_no_clash() -> None:
    Deployment([named("a", "/r"), named("b", "/r", version="2.0"), named("c", "/r", realm="beta")])


def test_two_minor_versions_of_one_major_are_refused() -> None:
    with pytest.raises(ConfigError, match="pipeline 'cart' v1 of realm 'acme' is also in"):
        Deployment([named("cart"), named("cart", version="1.1")])


def test_pipelines_without_a_web_trigger_have_no_path() -> None:
    event = plan(make({}), name="later", type="event")
    assert Deployment([event]).match("acme", 1, "later") is None


def test_the_defaults_of_a_trigger() -> None:
    trigger = plan(make({}), name="cart").trigger
    assert trigger.methods == {"POST", "PUT", "GET", "PATCH", "DELETE", "OPTIONS"}
    assert (trigger.timeout, trigger.timeout_status, trigger.max_request_size) == (30_000, 500, 5_000_000)
    assert (trigger.principals, trigger.required_scopes, trigger.grants) == (frozenset(), frozenset(), ())
    assert (trigger.principal_space, trigger.touch, trigger.routes) == ("cart", True, ())
    assert plan(make({}), tokenJwt=True).trigger.principals == {"account", "external"}


def test_what_a_trigger_says_is_what_it_is() -> None:
    trigger = plan(
        make({}),
        methods=["get", "Post"],
        tokenJwt=True,
        principals=["external"],
        requiredScopes=["a", "b"],
        grants=["x", "y", "x"],
        principalSpace="people",
        timeout=900_000,
        maxRequestSize=7,
        touch=False,
    ).trigger
    assert trigger.methods == {"GET", "POST"}
    assert trigger.principals == {"external"}
    assert trigger.required_scopes == {"a", "b"}
    assert trigger.grants == ("x", "y")
    assert (trigger.principal_space, trigger.timeout, trigger.max_request_size) == ("people", 900_000, 7)
    assert trigger.touch is False
