"""``sojourn changes``: list, show, verify, accept, erase, export."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from sojourn import jose
from sojourn.bootstrap import Engine
from sojourn.data.terms import Modified, TableChanges
from sojourn.scripting.run import Kept
from tests.cli.conftest import Line

PASSWORD = "four plain words of ours"


@pytest.fixture
def shop(line: Line) -> Line:
    """A project in which ana, who may, has made a table and three rows, and ben has changed one."""
    for name in ("ana", "ben"):
        assert line.run("users", "add", name, "--password-stdin", stdin=PASSWORD).exit_code == 0
    line.json("scopes", "grant", "ana", "database.alterSchema")
    asyncio.run(_fill(line.project))
    return line


async def _fill(project: Path) -> None:
    async with Engine.open(project, recover=False) as engine:
        ana, ben = await engine.login("acme", "ana", PASSWORD), await engine.login("acme", "ben", PASSWORD)
        assert ana is not None
        assert ben is not None
        database = engine.database(ana, terms=Kept(tracking_id="import-7"))
        await database.execute_ddl('CREATE TABLE item ("iKey" INTEGER PRIMARY KEY, name TEXT)')
        rows: list[dict[str, Any]] = [{"iKey": key, "name": f"made for bob@example.org {key}"} for key in (1, 2, 3)]
        await database.apply_updates([TableChanges(table="item", inserted=rows)])
        change = Modified(2, {"name": rows[1]["name"]}, {"name": "Bolt"})
        await engine.database(ben).apply_updates([TableChanges(table="item", modified=[change])])
        await engine.database(ben).insert_log("CHECKED", content="by hand", key=2)


def attack(line: Line, statement: str) -> None:
    connection = sqlite3.connect(line.project / "var" / "app.db")
    with connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)
    connection.close()


def numbers(line: Line, *options: str) -> list[int]:
    return [row["number"] for row in line.json("changes", "list", *options)]


def test_changes_are_listed_newest_first_and_can_be_asked_for(shop: Line) -> None:
    assert numbers(shop) == [6, 5, 4, 3, 2, 1]
    assert numbers(shop, "--tag", "import-7") == [4, 3, 2, 1]
    assert numbers(shop, "--user", "ben") == [6, 5]
    assert numbers(shop, "--table", "item", "--key", "2") == [5, 3]
    assert numbers(shop, "--kind", "DDL") == [1]
    assert numbers(shop, "--version", "2") == [4, 3, 2]
    assert numbers(shop, "--realm", "acme", "--since", "1h") == [6, 5, 4, 3, 2, 1]
    assert numbers(shop, "--until", "1h") == []
    (row,) = shop.json("changes", "list", "--user", "ben", "--kind", "UPDATE")
    assert (row["before"], row["after"]) == ({"name": "made for bob@example.org 2"}, {"name": "Bolt"})
    assert numbers(shop, "--session", row["session"]) == [6, 5]
    short = shop.run("changes", "list", "--limit", "2")
    assert "CHECKED" in short.stdout
    assert short.stderr.startswith("these are the newest 2")


def test_one_change_is_shown_with_all_that_is_known_of_it(shop: Line) -> None:
    row = shop.json("changes", "show", "6")
    assert (row["kind"], row["type"], row["content"], row["key"]) == ("NOTE", "CHECKED", "by hand", 2)
    assert (row["user"], row["realm"], row["tag"]) == ("ben", "acme", None)
    assert "import-7" in shop.run("changes", "show", "2").stdout
    assert shop.run("changes", "show", "99").exit_code == 1


def test_what_cannot_be_asked_is_said(shop: Line) -> None:
    assert shop.run("changes", "list", "--kind", "NOTHING").exit_code == 2
    assert shop.run("changes", "list", "--key", "1").exit_code == 2
    assert shop.run("changes", "list", "--user", "nobody").exit_code == 1
    assert shop.run("changes", "list", "--database", "nowhere").exit_code == 1
    assert shop.run("changes", "erase").exit_code == 1
    assert shop.run("changes", "export", "--json").exit_code == 2


def test_verify_names_what_is_not_sealed_and_what_is_wrong(shop: Line) -> None:
    done = shop.json("changes", "verify")
    assert (done["sound"], done["changes"], done["unsealed"]["changes"]) == (True, 0, 6)
    shop.json("changes", "export", str(shop.project / "log.jsonl"))
    done = shop.json("changes", "verify")
    assert (done["sound"], done["changes"], done["unsealed"], done["sealedUpTo"]) == (True, 6, None, 6)
    attack(shop, "UPDATE sojourn_change SET user_key = 1 WHERE number = 5")
    result = shop.run("changes", "verify")
    assert result.exit_code == 1
    assert "change 5 was changed after it was sealed" in result.stdout
    assert "NOT whole" in result.stdout


def test_an_export_is_signed_and_shows_later_what_was_cut(shop: Line) -> None:
    file = shop.project / "log.jsonl"
    assert shop.json("changes", "export", str(file)) == {"file": str(file), "changes": 6}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    *rows, head = [json.loads(row) for row in file.read_text().splitlines()]
    assert [row["number"] for row in rows] == [1, 2, 3, 4, 5, 6]
    said = json.loads(jose.verify(head["head"], head["key"]))
    assert (said["database"], said["last"], said["changes"]) == ("main", 6, 6)
    assert shop.json("changes", "verify", "--export", str(file))["sound"]

    # Whoever owns both databases makes the engine forget; the export knows.
    attack(shop, "DELETE FROM sojourn_seal")
    attack(shop, "DELETE FROM sojourn_change WHERE number > 2")
    engine = sqlite3.connect(shop.project / "var" / "engine.db")
    with engine:
        engine.execute("DELETE FROM change_head")
        engine.execute("DELETE FROM audit_event WHERE kind = 'CHANGE_LOG'")
    engine.close()
    assert shop.run("changes", "verify").exit_code == 0
    result = shop.run("changes", "verify", "--export", str(file))
    assert result.exit_code == 1
    assert "the engine knows of seal 1" in result.stdout

    text = file.read_text()
    file.write_text(text.replace("Bolt", "Nail"))
    assert shop.run("changes", "verify", "--export", str(file)).exit_code == 1
    file.write_text("\n".join(text.splitlines()[:-1]))
    assert "its head" in shop.run("changes", "verify", "--export", str(file)).stderr
    assert shop.run("changes", "verify", "--export", str(shop.project / "none")).exit_code == 1


def test_a_log_that_was_put_in_its_place_is_accepted(shop: Line) -> None:
    shop.json("changes", "export", str(shop.project / "log.jsonl"))
    attack(shop, "DELETE FROM sojourn_seal")
    assert shop.run("changes", "verify").exit_code == 1
    assert shop.run("changes", "export").exit_code == 1
    assert shop.run("changes", "accept").exit_code == 2
    assert shop.json("changes", "accept", "--reason", "restored") == {"place": 0, "last": 0}
    assert shop.json("changes", "verify")["sound"]
    event = shop.json("audit", "list", "--kind", "CHANGE_LOG")[0]
    assert (event["detail"]["act"], event["detail"]["reason"], event["actor"]) == ("accept", "restored", "host")


def test_a_person_is_erased_and_the_log_verifies(shop: Line) -> None:
    assert shop.json("changes", "erase", "--user", "ben") == {"changes": 2}
    assert shop.json("changes", "erase", "--word", "bob@example.org") == {"changes": 4}
    assert shop.json("changes", "erase", "--table", "item", "--key", "2") == {"changes": 0}
    text = shop.run("changes", "list", "--json").stdout
    assert "bob@example.org" not in text
    assert '"ben"' not in text
    done = shop.json("changes", "verify")
    assert (done["sound"], done["erased"]) == (True, 4)
