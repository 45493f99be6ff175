"""``sojourn sessions``: what an operator on the host sees and does, beside an engine or without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from sojourn import Engine
from sojourn.core.clock import MINUTE, ManualClock
from sojourn.model.session import Device, Identity
from sojourn.model.user import account_identity, external_identity
from tests.cli.conftest import Line


def with_engine(line: Line, work: Callable[[Engine], Awaitable[Any]], *, ahead: int = 0) -> Any:
    """Run ``work`` with an engine that serves, ``ahead`` milliseconds in the future."""
    from sojourn.core.clock import SystemClock

    async def run() -> Any:
        clock = ManualClock(SystemClock().now() + ahead) if ahead else None
        async with Engine.open(line.project, clock=clock) as engine:
            return await work(engine)

    return asyncio.run(run())


def begin(line: Line, kind: str = "account") -> str:
    """A session of admin, of an external principal or of nobody; its id."""

    async def work(engine: Engine) -> str:
        account = await engine.rules.users.find("main", "admin")
        assert account is not None
        identity = {
            "account": account_identity(account, 0),
            "external": external_identity("shop", "x-1", (), "", 0),
            "anonymous": Identity(),
        }[kind]
        return (await engine.rules.sessions.begin(engine.realm("acme"), identity, Device())).session.id

    sid: str = with_engine(line, work)
    return sid


def test_the_list_is_narrowed_by_kind_and_limit(line: Line) -> None:
    ids = {kind: begin(line, kind) for kind in ("account", "external", "anonymous")}
    for kind, sid in ids.items():
        (found,) = line.json("sessions", "list", "--kind", kind)
        assert (found["id"], found["kind"]) == (sid, kind)
    done = line.run("sessions", "list", "--limit", "2", "--json")
    assert len(json.loads(done.stdout)) == 2
    assert "--limit" in done.stderr
    assert line.run("sessions", "list", "--limit", "3", "--json").stderr == ""
    assert line.run("sessions", "list", "--kind", "robot").exit_code == 2


def test_an_ended_session_says_why_when_by_whom_and_by_which_rule(line: Line) -> None:
    sid = begin(line)
    ended = line.json("sessions", "end", sid, "--reason", "lost phone")
    assert {name: ended[name] for name in ("id", "reason", "actor", "rule")} == {
        "id": sid,
        "reason": "dropped",
        "actor": "host",
        "rule": "lost phone",
    }
    assert line.json("sessions", "end", sid, "--reason", "again") == ended
    why = line.json("sessions", "why", sid)
    assert (why["realm"], why["user"], why["at"], why["rule"]) == ("acme", "admin", ended["at"], "lost phone")
    (listed,) = line.json("sessions", "list", "--ended")
    assert (listed["id"], listed["reason"], listed["actor"]) == (sid, "dropped", "host")
    assert line.json("sessions", "list") == []
    assert "lost phone" in line.run("sessions", "list", "--ended").stdout


def test_all_of_an_account_in_one_realm_and_all_of_a_realm(line: Line) -> None:
    begin(line)
    begin(line, "anonymous")
    assert line.json("sessions", "end", "--user", "admin", "--realm", "acme") == {
        "user": "admin",
        "realm": "acme",
        "sessionsEnded": 1,
    }
    assert line.json("sessions", "end", "--realm", "acme", "--all") == {"realm": "acme", "sessionsEnded": 1}
    assert line.json("sessions", "list") == []


def test_what_shall_end_must_be_said_exactly(line: Line) -> None:
    for arguments in (
        [],
        ["--realm", "acme"],
        ["--all"],
        ["x", "--user", "admin"],
        ["x", "--realm", "acme"],
        ["--user", "admin", "--all", "--realm", "acme"],
    ):
        done = line.run("sessions", "end", *arguments)
        assert (arguments, done.exit_code, done.stdout) == (arguments, 2, "")


def test_a_drop_is_carried_out_by_the_engine_that_runs_when_its_time_has_come(line: Line) -> None:
    sid = begin(line)
    dropped = line.json("sessions", "drop", sid, "--reason", "we close", "--after", "3m")
    assert (dropped["session"], dropped["reason"], dropped["requester"]) == (sid, "we close", "host")
    assert line.json("sessions", "drops") == [dropped]
    assert line.json("sessions", "why", sid)["reason"] == "alive"

    async def due(engine: Engine) -> int:
        return await engine.rules.drops.run_due(engine.rules.clock.now())

    assert with_engine(line, due, ahead=2 * MINUTE) == 0
    assert with_engine(line, due, ahead=4 * MINUTE) == 1
    assert line.json("sessions", "why", sid)["rule"] == "we close"
    assert line.json("sessions", "drops", "--realm", "acme") == []


def test_a_drop_can_be_taken_back(line: Line) -> None:
    sid = begin(line)
    line.json("sessions", "drop", sid)
    assert line.json("sessions", "drop", sid, "--cancel") == {"session": sid, "cancelled": True}
    assert line.json("sessions", "drops") == []
    assert line.run("sessions", "drop", sid, "--cancel").exit_code == 1


def test_a_duration_that_is_none_is_a_usage_error(line: Line) -> None:
    for after in ("3", "m", "-3m", "3 m", "1w", "9999999999s"):
        assert (after, line.run("sessions", "drop", "x", "--after", after).exit_code) == (after, 2)


def test_stats_count_by_realm_and_kind(line: Line) -> None:
    begin(line)
    begin(line, "anonymous")
    stats = line.json("sessions", "stats")
    assert (stats["total"], stats["stateless"], stats["stateful"], stats["standalone"]) == (2, 2, 0, 0)
    acme = next(row for row in stats["realms"] if row["realm"] == "acme")
    assert (acme["account"], acme["anonymous"], acme["external"]) == (1, 1, 0)
    assert (stats["maxStateful"], stats["maxStateless"]) == (10_000, 1_000_000)
    text = line.run("sessions", "stats").stdout
    assert "acme" in text
    assert "maxStateless" in text


def test_cleanup_sweeps(line: Line) -> None:
    begin(line)
    assert line.json("sessions", "cleanup") == {"finished": True, "swept": 0}
    assert "0 sessions swept" in line.run("sessions", "cleanup", "--timeout", "5s").stdout


def test_what_does_not_exist_is_said_in_one_line(line: Line) -> None:
    for command in (
        ["end", "--realm", "nowhere", "--all"],
        ["end", "--user", "nobody"],
        ["end", "--user", "admin", "--realm", "nowhere"],
        ["drop", "unknown"],
        ["drops", "--realm", "nowhere"],
        ["show", "unknown"],
        ["why", "unknown"],
    ):
        done = line.run("sessions", *command)
        assert (command, done.exit_code, done.stdout, len(done.stderr.splitlines())) == (command, 1, "", 1)


def test_the_host_sees_and_ends_sessions_of_operators(line: Line) -> None:
    async def enter(engine: Engine) -> str:
        account = await engine.rules.users.find("main", "admin")
        assert account is not None
        operators = engine.rules.realms.operators
        return (await engine.rules.sessions.begin(operators, account_identity(account, 0), Device())).session.id

    sid = with_engine(line, enter)
    assert line.json("sessions", "list") == []
    assert [row["id"] for row in line.json("sessions", "list", "--operators")] == [sid]
    assert line.json("sessions", "end", sid)["reason"] == "dropped"
    assert line.json("sessions", "why", sid)["actor"] == "host"
    assert line.json("sessions", "list", "--operators") == []
    assert line.run("sessions", "list", "--operators", "--realm", "acme").exit_code == 2
