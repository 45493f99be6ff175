"""``sojourn audit``: list, export, erase."""

from __future__ import annotations

import json
import stat

from tests.cli.conftest import Line

PASSWORD = "four plain words of ours"


def test_what_was_done_is_listed_newest_first_and_can_be_asked_for(line: Line) -> None:
    assert line.run("users", "add", "ana", "--password-stdin", stdin=PASSWORD).exit_code == 0
    line.json("scopes", "grant", "ana", "cart.read", "--realm", "acme")
    first, *rest = line.json("audit", "list")
    assert (first["kind"], first["realm"], first["actor"], first["outcome"]) == ("SCOPE_CHANGE", "acme", "host", "ok")
    assert {row["kind"] for row in rest} == {"USER_CHANGE", "SCOPE_CHANGE"}
    assert line.json("audit", "list", "--realm", "acme") == [first]
    assert [row["kind"] for row in line.json("audit", "list", "--realm", "-", "--kind", "USER_CHANGE", "--text", "ANA")]
    assert line.json("audit", "list", "--until", "1h") == []
    assert len(line.json("audit", "list", "--since", "1h", "--limit", "1")) == 1
    people = line.run("audit", "list", "--realm", "acme")
    assert "SCOPE_CHANGE" in people.stdout
    assert line.run("audit", "list", "--limit", "1").stderr.startswith("these are the newest 1")


def test_what_cannot_be_asked_is_said(line: Line) -> None:
    assert line.run("audit", "list", "--kind", "NOTHING").exit_code == 1
    assert line.run("audit", "list", "--address", "here").exit_code == 1
    assert line.run("audit", "list", "--realm", "nowhere").exit_code == 1
    assert line.run("audit", "list", "--since", "yesterday").exit_code == 2
    assert line.run("audit", "export", "--json").exit_code == 2


def test_an_export_is_one_event_a_line_the_oldest_first(line: Line) -> None:
    line.json("scopes", "grant", "admin", "cart.read", "--realm", "acme")
    file = line.project / "events.jsonl"
    done = line.json("audit", "export", str(file))
    rows = [json.loads(row) for row in file.read_text().splitlines()]
    assert done == {"file": str(file), "events": len(rows)}
    assert [row["key"] for row in rows] == sorted(row["key"] for row in rows)
    assert rows[-1]["detail"]["act"] == "exportAudit"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    printed = line.run("audit", "export", "--realm", "acme")
    assert [json.loads(row)["kind"] for row in printed.stdout.splitlines()] == ["SCOPE_CHANGE"]
    assert line.run("audit", "export", str(line.project / "no" / "such" / "folder")).exit_code == 1


def test_a_person_is_erased(line: Line) -> None:
    line.run("users", "add", "ana", "--email", "ana@example.org", "--password-stdin", stdin=PASSWORD)
    line.json("scopes", "grant", "ana", "cart.read")
    assert line.json("audit", "erase", "--user", "ana")["events"] >= 2
    shown = line.run("audit", "list", "--json").stdout
    assert "ana" not in shown.replace("manage", "")
    assert "[erased]" in shown
    assert line.json("audit", "list")[0]["kind"] == "AUDIT_ERASE"
