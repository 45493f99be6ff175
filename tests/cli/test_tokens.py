"""``sojourn tokens``."""

from __future__ import annotations

import asyncio
import json
import shutil

import pytest

from sojourn import Engine
from sojourn.core.errors import AuthTokenRefused
from tests.cli.conftest import Line

PASSWORD = "four plain words of ours"


@pytest.fixture
def line(line: Line) -> Line:
    line.json("users", "add", "eve", "--password-stdin", "--scope", "cart.read", stdin=PASSWORD)
    return line


def scope_of(line: Line, text: str) -> set[str]:
    async def work() -> set[str]:
        async with Engine.open(line.project) as engine:
            return set((await engine.session("acme", text)).scope)

    return asyncio.run(work())


def issue(line: Line, *more: str, user: str = "eve", realm: str = "acme") -> dict[str, object]:
    done = line.json("tokens", "issue", "--user", user, "--realm", realm, "--scope", "cart.read", *more)
    assert isinstance(done, dict)
    return done


def test_a_token_is_issued_used_listed_and_revoked(line: Line) -> None:
    made = issue(line, "--description", "nightly", "--data", "job-7", "--expires", "12h")
    text = str(made["token"])
    assert scope_of(line, text) == {"cart.read"}
    (listed,) = line.json("tokens", "list", "--user", "eve")
    assert (listed["key"], listed["user"], listed["realm"], listed["scope"]) == (
        made["key"],
        "eve",
        "acme",
        "cart.read",
    )
    assert (listed["description"], listed["data"], listed["uses"]) == ("nightly", "job-7", 1)
    assert text not in json.dumps(listed)
    assert line.json("tokens", "revoke", str(made["key"])) == {"key": made["key"], "revoked": True}
    assert line.json("tokens", "revoke", str(made["key"])) == {"key": made["key"], "revoked": False}
    assert line.json("tokens", "list") == []
    with pytest.raises(AuthTokenRefused):
        scope_of(line, text)


def test_the_host_gives_no_more_than_the_user_has(line: Line) -> None:
    done = line.run("tokens", "issue", "--user", "eve", "--realm", "acme", "--scope", "cart.write", "--json")
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "auth.insufficient_scope")


def test_for_ever_and_everywhere_are_words_of_their_own(line: Line) -> None:
    made = issue(line, "--expires", "never", realm="*")
    assert made["expires"] is None
    (listed,) = line.json("tokens", "list")
    assert listed["realm"] == "*"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("revoke", "4711"), 1),
        (("revoke", "x"), 2),
        (("issue", "--user", "eve", "--realm", "acme", "--scope", "", "--expires", "soon"), 2),
        (("issue", "--user", "nobody", "--realm", "acme", "--scope", ""), 1),
        (("issue", "--user", "eve", "--realm", "nowhere", "--scope", ""), 1),
        (("issue", "--user", "eve", "--realm", "acme", "--scope", "ufs:/no.js"), 1),
    ],
)
def test_what_cannot_be_is_refused(line: Line, arguments: tuple[str, ...], status: int) -> None:
    assert line.run("tokens", *arguments).exit_code == status


def test_without_a_realm_the_only_one_is_meant(line: Line) -> None:
    done = line.run("tokens", "issue", "--user", "eve", "--scope", "cart.read")
    assert done.exit_code == 2
    assert "--realm" in done.stderr
    shutil.rmtree(line.project / "realms" / "main")
    made = line.json("tokens", "issue", "--user", "eve", "--scope", "cart.read")
    assert scope_of(line, made["token"]) == {"cart.read"}
