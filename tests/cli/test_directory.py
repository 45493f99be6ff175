"""Groups, roles, mail, types and signatures from the command line."""

from __future__ import annotations

import json
import sqlite3

import pytest

from tests.cli.conftest import Line
from tests.cli.test_accounts import PASSWORD, add, can_log_in


def test_an_account_is_made_with_groups_and_roles(line: Line) -> None:
    add(line, "eve", "--group", "staff", "--role", "clerk")
    line.json("scopes", "grant", "clerk", "stock.read", "--realm", "acme")
    shown = line.json("users", "show", "eve")
    assert (shown["groups"], shown["roles"], shown["signatureValid"]) == (["staff"], ["clerk"], True)
    listed = {group["name"]: group["kind"] for group in line.json("groups", "list")}
    assert listed == {"everyone": "everyone", "staff": "group", "clerk": "role"}
    assert line.json("groups", "show", "clerk")["members"] == ["eve"]


def test_groups_are_made_joined_left_and_deleted(line: Line) -> None:
    line.json("groups", "add", "clerk", "--role")
    line.json("groups", "add", "staff", "--group", "clerk")
    line.json("groups", "join", "staff", "admin")
    assert line.json("users", "show", "admin")["roles"] == ["clerk"]
    assert line.json("groups", "show", "STAFF")["members"] == ["admin"]
    line.json("groups", "leave", "staff", "admin")
    assert line.json("users", "show", "admin")["roles"] == []
    line.json("groups", "delete", "staff")
    done = line.run("groups", "show", "staff", "--json")
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "group.unknown")
    done = line.run("groups", "delete", "everyone", "--json")
    assert json.loads(done.stdout)["code"] == "group.everyone"


def test_mail_and_type_change(line: Line) -> None:
    line.json("users", "email", "admin", "root@example.org")
    line.json("users", "type", "ROOT@example.org", "support")
    shown = line.json("users", "show", "admin")
    assert (shown["email"], shown["accountType"]) == ("root@example.org", "support")
    assert line.run("users", "type", "admin", "king").exit_code == 2


@pytest.mark.parametrize("how", [["eve"], ["--all"]])
def test_a_record_that_was_edited_is_shown_checked_and_signed_by_the_host(line: Line, how: list[str]) -> None:
    add(line, "eve")
    tool = sqlite3.connect(next(line.project.glob("**/engine.db")), isolation_level=None)
    tool.execute("UPDATE account SET account_type = 'support' WHERE name = 'eve'")
    tool.close()
    assert not can_log_in(line, "eve", PASSWORD)
    assert line.json("users", "show", "eve")["signatureValid"] is False
    done = line.run("store", "check")
    assert done.exit_code == 1
    assert "main/eve" in done.output
    assert line.json("users", "sign", *how) == {"signed": ["main/eve"]}
    assert line.json("users", "sign", *how) == {"signed": []}
    assert can_log_in(line, "eve", PASSWORD)
    assert line.run("store", "check").exit_code == 0


def test_what_to_sign_is_said_in_one_way(line: Line) -> None:
    for wrong in ([], ["admin", "--all"]):
        assert line.run("users", "sign", *wrong).exit_code == 2
