"""Ready-made scenes: what can meet at a session."""

from __future__ import annotations

from sojourn.model.field import append, delete, increment, merge, put
from sojourn.testing.interleaving.scene import Client, Scene
from sojourn.testing.interleaving.steps import (
    a_start,
    change,
    change_bag,
    create,
    end,
    listing,
    load,
    put_seen,
    rotate,
    sweep,
)

_CART = {"cart": "[]", "n": "0", "user": '{"a":1}'}
_KEEP = frozenset({"cart"})


def _read_then_write(name: str, text: str) -> Client:
    return Client(name, (load(), put_seen("n", text), load()))


#: Scenes of every store.
SCENES = (
    Scene(
        "a slow request against a logout",
        (
            Client("request", (load(), change(append("cart", "1")), put_seen("n", "1"), load())),
            Client("logout", (load(), end(), load())),
        ),
        a_start(_CART),
    ),
    Scene(
        "two requests that read, think and write",
        (_read_then_write("first", "1"), _read_then_write("second", "2")),
        a_start(_CART),
    ),
    Scene(
        "three requests that change one field in place",
        (
            Client("first", (change(increment("n")), change(append("cart", '"a"'), increment("n")))),
            Client("second", (change(increment("n", "0.1")), load())),
            Client("third", (change(append("cart", '"b"')), change(merge("user", '{"a":null,"b":2}'), delete("n")))),
        ),
        a_start(_CART),
    ),
    Scene(
        "a login against requests by the old handle",
        (
            Client("login", (load(), rotate(keep=_KEEP), change(put("n", "9")))),
            Client("request", (load(), change(increment("n"), append("cart", "1")), change(), end())),
        ),
        a_start(_CART, anonymous=True),
    ),
    Scene(
        "two logins at one session",
        (
            Client("desk", (rotate(), change(put("who", '"desk"')), load())),
            Client("phone", (rotate(), change(put("who", '"phone"')), end())),
        ),
        a_start(_CART, anonymous=True),
    ),
    Scene(
        "a login, a logout and an operator",
        (
            Client("login", (rotate(), change(put("n", "1")))),
            Client("logout", (end(), load())),
            Client("operator", (end(reason="dropped", by_handle=False), load())),
        ),
        a_start(_CART),
    ),
    Scene(
        "two logins at the limit",
        (
            Client("desk", (create(anonymous=True), rotate(most=2), rotate(most=2), change(put("x", "1")))),
            Client("phone", (create(anonymous=True), rotate(most=2), change(put("x", "2")), listing())),
        ),
        a_start(others=0),
        most=2,
    ),
    Scene(
        "three sessions begin where one has room, and one ends",
        (
            Client("first", (create(most=2), load())),
            Client("second", (create(most=2), end())),
            Client("third", (create(most=2), listing())),
        ),
        a_start(),
        most=2,
    ),
    Scene(
        "a logout makes room for a login",
        (
            Client("login", (create(most=1), change(put("x", "1")), listing())),
            Client("logout", (load(), end(), listing())),
        ),
        a_start(),
        most=1,
    ),
    Scene(
        "a request against the expiry that others see",
        (
            Client("slow clock", (load(499), change(increment("n"), at=499), load(499))),
            Client("fast clock", (load(500), change(increment("n"), at=500))),
            Client("sweeper", (sweep(500),)),
        ),
        a_start(_CART, idle=500),
        alone=True,
    ),
    Scene(
        "a login against the expiry",
        (
            Client("login", (load(499), rotate(499), change(put("n", "1"), at=600))),
            Client("late login", (rotate(500),)),
            Client("sweeper", (sweep(500),)),
        ),
        a_start(_CART, idle=500),
        alone=True,
    ),
    Scene(
        "an expired session and a login at the limit",
        (
            Client("login", (create(500, most=1), load(500))),
            Client("request", (load(499), change(put("n", "1"), at=499), load(500))),
        ),
        a_start(_CART, idle=500),
        most=1,
    ),
    Scene(
        "a shorter idle limit against requests and the sweeper",
        (
            Client("page", (change(idle=100, at=100), load(150))),
            Client("request", (change(increment("n"), at=150), load(199))),
            Client("sweeper", (sweep(200), sweep(250))),
        ),
        a_start(_CART, idle=500),
        alone=True,
    ),
)

#: Scenes of stores with bags.
BAG_SCENES = (
    Scene(
        "two sessions share a bag, and one ends",
        (
            Client("first", (change_bag(put("x", "1")), change_bag(increment("n")), end(), change_bag(put("x", "9")))),
            Client("second", (create(), change_bag(increment("n"), append("log", "1")), change_bag(delete("x")))),
        ),
        a_start(),
        shares=True,
    ),
    Scene(
        "a login against writers of the bag by the old handle",
        (
            Client("login", (rotate(), change_bag(increment("n")))),
            Client("request", (change_bag(increment("n", "10")), change_bag(put("x", "1")))),
            Client("operator", (end(reason="dropped", by_handle=False),)),
        ),
        a_start(),
        shares=True,
    ),
)
