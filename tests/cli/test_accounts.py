from __future__ import annotations

import asyncio
import json

import pytest

from sojourn import Engine
from sojourn.engine.passwords.credentials import AccountUnusable
from tests.cli.conftest import Line

PASSWORD = "four plain words of ours"


def add(line: Line, name: str, *options: str, password: str = PASSWORD) -> object:
    return line.json("users", "add", name, "--password-stdin", *options, stdin=password)


def can_log_in(line: Line, name: str, password: str = PASSWORD) -> bool:
    async def work() -> bool:
        async with Engine.open(line.project) as engine:
            try:
                return await engine.login("acme", name, password) is not None
            except AccountUnusable:
                return False

    return asyncio.run(work())


def test_an_account_has_its_groups_and_scopes(line: Line) -> None:
    add(line, "eve", "--email", "eve@example.org", "--group", "staff", "--scope", "cart.read", "--scope", "cart.write")
    shown = line.json("users", "show", "EVE@example.org")
    assert (shown["name"], shown["groups"], shown["scopes"]) == ("eve", ["staff"], ["cart.read", "cart.write"])


def test_a_group_gives_its_scopes(line: Line) -> None:
    add(line, "eve", "--group", "staff")
    line.json("scopes", "grant", "staff", "cart.read", "--realm", "acme")
    given = {"name": "staff", "kind": "group", "scope": "cart.read", "realm": "acme", "product": ""}
    assert given in line.json("scopes", "list")


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("admin", PASSWORD, "user.name_taken"),
        ("a@b", PASSWORD, "user.invalid"),
        ("eve", "short", "user.weak_password"),
        ("eve", "correct horse battery staple", "user.weak_password"),
    ],
)
def test_a_bad_account_is_refused_and_nothing_is_made(line: Line, name: str, password: str, code: str) -> None:
    done = line.run("users", "add", name, "--password-stdin", "--json", stdin=password)
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, code)
    assert [user["name"] for user in line.json("users", "list")] == ["admin"]


def test_a_bad_scope_is_refused_before_the_account_is_made(line: Line) -> None:
    done = line.run("users", "add", "eve", "--password-stdin", "--scope", "a b", stdin=PASSWORD)
    assert done.exit_code == 1
    assert [user["name"] for user in line.json("users", "list")] == ["admin"]


def test_states_decide_who_can_log_in(line: Line) -> None:
    add(line, "eve")
    assert can_log_in(line, "eve")
    for stop, go in (("lock", "unlock"), ("disable", "enable")):
        line.json("users", stop, "eve")
        assert not can_log_in(line, "eve")
        line.json("users", go, "eve")
        assert can_log_in(line, "eve")


def test_a_new_password_replaces_the_old_one(line: Line) -> None:
    add(line, "eve")
    line.json("users", "passwd", "eve", "--password-stdin", stdin="another four plain words")
    assert not can_log_in(line, "eve")
    assert can_log_in(line, "eve", "another four plain words")


def test_a_deleted_account_frees_its_name_but_never_its_key(line: Line) -> None:
    first = add(line, "eve")
    line.json("users", "delete", "eve")
    assert not can_log_in(line, "eve")
    second = add(line, "eve")
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert second["key"] > first["key"]


@pytest.mark.parametrize(
    "command",
    [
        ["users", "show", "nobody"],
        ["users", "disable", "nobody"],
        ["scopes", "grant", "nobody", "a"],
        ["scopes", "grant", "admin", "a", "--realm", "nowhere"],
        ["sessions", "list", "--user", "nobody"],
        ["sessions", "list", "--realm", "nowhere"],
        ["sessions", "end", "nothing"],
        ["apikeys", "add", "x", "--realm", "nowhere"],
        ["apikeys", "add", "x", "--realm", "acme", "--pipeline", "nowhere"],
        ["apikeys", "revoke", "x", "--realm", "acme"],
        ["pipelines", "test", "nowhere.yaml"],
    ],
)
def test_what_does_not_exist_is_said_in_one_line(line: Line, command: list[str]) -> None:
    done = line.run(*command)
    assert done.exit_code == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_ending_all_sessions_of_an_account_ends_each_of_them_with_a_reason(line: Line) -> None:
    add(line, "eve")
    for _ in range(3):
        can_log_in(line, "eve")
    live = line.json("sessions", "list", "--user", "eve")
    assert len(live) == 3
    assert line.json("sessions", "end", "--user", "eve") == {"user": "eve", "sessionsEnded": 3}
    assert line.json("sessions", "list") == []
    assert {line.json("sessions", "why", session["id"])["reason"] for session in live} == {"dropped"}


def test_a_live_session_shows_names_and_versions_of_its_fields_never_values(line: Line) -> None:
    add(line, "eve")

    async def put() -> None:
        async with Engine.open(line.project) as engine:
            session = await engine.login("acme", "eve", PASSWORD)
            assert session is not None
            await session.fields.put(card="4111 1111")

    asyncio.run(put())
    found = line.json("sessions", "list")[0]
    shown = line.run("sessions", "show", found["id"], "--json").stdout
    assert json.loads(shown)["fields"] == {"card": 1}
    assert "4111" not in shown
    assert line.json("sessions", "why", found["id"])["reason"] == "alive"
