"""What is taken away is refused at the very next request of every process, also when the one that took it away died."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from tests.e2e.house import PASSWORD, Handles, House, basic, bearer, coming_from, cookies
from tests.e2e.process import Answer
from tests.patience import HANGS

NEW = "eight loud otters at dusk"
DEAD = [401, 401]


@pytest.mark.parametrize("act", ["disabled", "expired", "delete", "password"])
def test_no_handle_of_an_account_outlives_its_end_though_the_process_died(house: House, act: str) -> None:
    name = {"disabled": "disable", "expired": "expire"}.get(act, act)
    handles = house.handles(name)
    house.killed_after(act, name, NEW)
    assert house.uses(handles) == dict.fromkeys(handles.shown(), DEAD)
    assert house.refreshes(handles) == DEAD
    assert [house.login(name, at=at).status for at in (0, 1)] == DEAD
    if act == "password":
        again = {"authorization": basic("web", name, NEW), "sec-fetch-site": "none"}
        assert [answer.status for answer in house.ask(again)] == [200, 200]


def test_no_handle_of_before_works_after_a_password_reset(house: House) -> None:
    handles = house.handles("reset")
    second = house.login("reset", at=1)
    code = reset_code(house, "reset")
    confirmed = {"userName": "reset", "code": code, "newPassword": NEW}
    assert house.post("/realms/web/password-reset/confirm", confirmed, at=1).status == 200
    assert house.uses(handles) == dict.fromkeys(handles.shown(), DEAD)
    assert house.refreshes(handles) == DEAD
    assert [answer.status for answer in house.ask(bearer(second.json()["token"]))] == DEAD
    assert [answer.status for answer in house.ask({"cookie": cookies(second)})] == DEAD
    assert house.login("reset").status == 401


def reset_code(house: House, name: str) -> str:
    """The code that was mailed to an account."""
    assert house.post("/realms/web/password-reset", {"userName": name}).status == 202
    until = time.monotonic() + HANGS
    while time.monotonic() < until:  # it goes out behind the answer
        try:
            text = house.mail(f"{name}@example.org")
        except StopIteration:
            time.sleep(0.02)
            continue
        found = re.search(r"^    (\S{11})\s*$", text, re.MULTILINE)
        assert found is not None, text
        return found[1]
    raise AssertionError("no mail came")


def test_a_change_of_the_own_password_ends_all_but_what_it_answers(house: House) -> None:
    handles, other = house.handles("change"), house.login("change", at=1)
    change = {"oldPassword": PASSWORD, "newPassword": NEW}
    answer = house.post("/realms/web/password", change, bearer(handles.token), at=1)
    assert answer.status == 200, answer
    # What this session has handed on itself is its owner's to revoke: the answer names it.
    dead = {kind: shown for kind, shown in handles.shown().items() if kind != "auth-token"}
    assert {kind: [one.status for one in house.ask(shown)] for kind, shown in dead.items()} == dict.fromkeys(dead, DEAD)
    assert house.refreshes(handles) == DEAD
    assert [one.status for one in house.ask(bearer(other.json()["token"]))] == DEAD
    assert [one.status for one in house.ask(bearer(answer.json()["token"]))] == [200, 200]
    assert [token["key"] for token in answer.json()["tokens"]] == [handles.auth_key]
    fresh = house.post("/realms/web/refresh", {"refreshToken": answer.json()["refreshToken"]})
    assert fresh.status == 200, fresh


def test_a_revoked_token_is_dead_and_the_login_that_made_it_lives(house: House) -> None:
    handles = house.handles("revoke")
    house.killed_after("token", "revoke", str(handles.auth_key))
    lives = [200, 200]
    assert house.uses(handles) == {"cookie": lives, "jwt": lives, "auth-token": DEAD, "basic": lives}


def test_a_removed_scope_is_gone_from_every_handle(house: House) -> None:
    handles = house.handles("scope")
    assert scopes(house, handles) == {"cart.read"} | {"cart.write"}
    house.killed_after("scope", "scope", "cart.read")
    for kind, shown in handles.shown().items():
        for answer in house.ask(shown):
            assert (kind, answer.status, "cart.read" in answer.json()["scope"]) == (kind, 200, False)


def scopes(house: House, handles: Handles) -> set[str]:
    return {word for answer in house.ask(bearer(handles.token)) for word in answer.json()["scope"]}


def test_a_revoked_key_ends_what_it_signed_and_the_sessions_that_list_it(house: House) -> None:
    handles = house.handles("key", "keyed")
    active = next(
        key["kid"] for key in house.run("keys", "list") if key["realm"] == "keyed" and key["state"] == "active"
    )
    house.killed_after("key", "key", active)
    assert house.uses(handles, "keyed") == {"cookie": DEAD, "jwt": DEAD, "auth-token": [200, 200], "basic": [200, 200]}
    assert house.refreshes(handles, "keyed") == DEAD
    again = house.login("key", "keyed", at=1)
    assert [answer.status for answer in house.ask(bearer(again.json()["token"]), "keyed")] == [200, 200]


def test_a_retired_key_still_verifies(house: House) -> None:
    """Until its last token ended: that instant is tested where the clock can be set."""
    before = house.login("key", "keyed")
    house.run("keys", "rotate", "--realm", "keyed")
    assert [answer.status for answer in house.ask(bearer(before.json()["token"]), "keyed")] == [200, 200]


@pytest.mark.parametrize("act", ["disable", "password"])
def test_a_login_under_way_gives_nothing_that_outlives_the_change(house: House, act: str) -> None:
    name, stop, under_way = f"under-{act}", Event(), Barrier(5)

    def log_in_again_and_again(at: int) -> list[Answer]:
        found: list[Answer] = []
        while not stop.is_set():
            found.append(house.login(name, at=at % 2, headers=coming_from(f"198.51.{at}.{len(found) % 250}")))
            if len(found) == 1:
                under_way.wait(HANGS)
        return found

    with ThreadPoolExecutor(4) as pool:
        logins = [pool.submit(log_in_again_and_again, at) for at in range(4)]
        under_way.wait(HANGS)
        try:
            if act == "disable":
                house.run("users", "disable", name)
            else:
                house.killed_after("password", name, NEW)
        finally:
            stop.set()
        answers = [answer for login in logins for answer in login.result(timeout=HANGS)]
    let_in = [answer for answer in answers if answer.status == 200]
    assert len(let_in) > 2, answers
    for answer in let_in:
        assert [one.status for one in house.ask(bearer(answer.json()["token"]))] == DEAD
        assert [one.status for one in house.ask({"cookie": cookies(answer)})] == DEAD
