"""``sojourn keys`` on a project, and what a revoked key does to its sessions."""

from __future__ import annotations

import asyncio
from typing import Any

from sojourn.bootstrap import Engine
from sojourn.core.clock import HOUR
from sojourn.model.session import Device
from sojourn.model.user import account_identity
from tests.cli.conftest import Line


def kids(line: Line, *arguments: str) -> dict[str, list[str]]:
    """The keys by their state."""
    found: dict[str, list[str]] = {}
    for key in line.json("keys", "list", *arguments):
        found.setdefault(key["state"], []).append(key["kid"])
    return found


def begin(line: Line) -> str:
    """A session of the administrator that has a token; its id."""

    async def make() -> str:
        async with Engine.open(line.project, recover=False) as engine:
            realm, account = engine.realm("acme"), await engine.rules.users.find("main", "admin")
            assert account is not None
            begun = await engine.rules.sessions.begin(realm, account_identity(account, 0), Device())
            now = engine.rules.clock.now()
            await engine.rules.tokens.issue(realm, begun.session, scope=None, expires_at=now + HOUR)
            return begun.session.id

    return asyncio.run(make())


def test_the_list_shows_every_realm_and_no_private_part(line: Line) -> None:
    keys: list[dict[str, Any]] = line.json("keys", "list")
    assert {key["realm"] for key in keys} == {"acme", "main", "~operators"}
    assert set(keys[0]) == {
        *("kid", "realm", "algorithm", "state", "created", "activated", "retired", "due", "until"),
    }
    assert line.run("keys", "list", "--realm", "none").exit_code == 1
    assert kids(line, "--realm", "~operators").keys() == {"active"}


def test_a_rotation_is_announced_and_asking_again_changes_nothing(line: Line) -> None:
    before = kids(line, "--realm", "acme")["active"]
    first = line.json("keys", "rotate", "--realm", "acme")
    assert (first["changed"], [first["active"]]) == (False, before)
    assert line.json("keys", "rotate", "--realm", "acme") == first
    assert kids(line, "--realm", "acme") == {"active": before, "next": [first["next"]]}
    assert first["due"] in line.run("keys", "rotate", "--realm", "acme").stdout


def test_a_revoked_key_ends_the_sessions_with_its_tokens(line: Line) -> None:
    sid = begin(line)
    (kid,) = kids(line, "--realm", "acme")["active"]
    done = line.json("keys", "revoke", kid)
    assert (done["kid"], done["realm"], done["sessionsEnded"]) == (kid, "acme", 1)
    assert kids(line, "--realm", "acme") == {"revoked": [kid], "active": [done["active"]]}
    why = line.json("sessions", "why", sid)
    assert "revoked" in str(why)
    unknown = line.run("keys", "revoke", "nothing", "--json")
    assert (unknown.exit_code, '"keys.unknown"' in unknown.stdout) == (1, True)


def test_the_master_key_changes_and_the_project_opens(line: Line) -> None:
    before = kids(line)
    done = line.json("keys", "rekey")
    assert done["sealed"] >= 2
    assert done["oldKey"].rpartition(".")[2].startswith("old-")
    assert kids(line) == before
    assert line.json("keys", "rekey", "--remove-old")["oldKey"] is None
    assert kids(line) == before


def test_everything_can_be_ended_at_once(line: Line) -> None:
    begin(line)
    begin(line)
    assert line.json("sessions", "end", "--everything", "--reason", "fire") == {"sessionsEnded": 2}
    for wrong in (["--everything", "--realm", "acme"], ["--everything", "--user", "admin"], ["--everything", "--all"]):
        assert line.run("sessions", "end", *wrong).exit_code == 2
