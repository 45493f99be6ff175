"""``sojourn changes undo`` and ``redo``: what is shown first, what is done, what is refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.data.terms import Deleted, Modified, TableChanges
from sojourn.scripting.run import Kept
from tests.cli.conftest import Line

PASSWORD = "four plain words of ours"
TAG = "import-7"


@pytest.fixture
def shop(line: Line) -> Line:
    """A project in which ana has changed, made and removed a row under one tag."""
    for name in ("ana", "ben"):
        assert line.run("users", "add", name, "--password-stdin", stdin=PASSWORD).exit_code == 0
    line.json("scopes", "grant", "ana", "database.alterSchema")
    asyncio.run(_fill(line.project))
    return line


async def _fill(project: Path) -> None:
    async with Engine.open(project, recover=False) as engine:
        ana = await engine.login("acme", "ana", PASSWORD)
        assert ana is not None
        database = engine.database(ana, terms=Kept())
        await database.execute_ddl('CREATE TABLE item ("iKey" INTEGER PRIMARY KEY, name TEXT, stock INTEGER)')
        rows: list[dict[str, Any]] = [{"iKey": key, "name": f"item {key}", "stock": key} for key in (1, 2)]
        await database.apply_updates([TableChanges(table="item", inserted=rows)])
        database.tracking_id = TAG
        changes = TableChanges(
            table="item",
            inserted=[{"iKey": 3, "name": "item 3", "stock": 0}],
            modified=[Modified(1, {}, {"name": "bad", "stock": 0})],
            deleted=[Deleted(2, {})],
        )
        await database.apply_updates([changes])


def change(line: Line, key: int, tag: str = "", **values: Any) -> None:
    """ben changes a row."""

    async def work() -> None:
        async with Engine.open(line.project, recover=False) as engine:
            ben = await engine.login("acme", "ben", PASSWORD)
            assert ben is not None
            database = engine.database(ben, terms=Kept(tracking_id=tag))
            await database.apply_updates([TableChanges(table="item", modified=[Modified(key, {}, values)])])

    asyncio.run(work())


def rows(line: Line) -> list[tuple[int, str, int]]:
    async def work() -> list[tuple[int, str, int]]:
        async with Engine.open(line.project, recover=False) as engine:
            ana = await engine.login("acme", "ana", PASSWORD)
            assert ana is not None
            found = await engine.database(ana).query("SELECT * FROM item ORDER BY 1")
            return [tuple(row) for row in found.rows]  # type: ignore[misc] # as the table says

    return asyncio.run(work())


BEFORE = [(1, "item 1", 1), (2, "item 2", 2)]
AFTER = [(1, "bad", 0), (3, "item 3", 0)]


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(shop: Line) -> None:
    shown = shop.run("changes", "undo", "--tag", TAG, "--dry-run")
    assert shown.exit_code == 0
    assert "would be taken back: 1 DELETE of item, 1 INSERT of item, 1 UPDATE of item for 3 changes" in shown.stdout
    assert '{"name":"item 1","stock":1}' in shown.stdout
    assert rows(shop) == AFTER


def test_an_undo_is_done_told_and_can_be_taken_back(shop: Line) -> None:
    done = shop.json("changes", "undo", "--tag", TAG)
    assert rows(shop) == BEFORE
    assert (done["changes"], done["conflicts"]) == (3, [])
    assert [(part["user"], part["changes"]) for part in done["parts"]] == [("ana", 3)]
    listed = shop.json("changes", "list", "--tag", done["tag"])
    assert {(row["user"], row["version"]) for row in listed} == {("host", done["version"])}
    again = shop.run("changes", "undo", "--tag", TAG)
    assert "nothing taken back: 0 for 3 changes, 3 already taken back, 0 conflicts" in again.stdout
    assert "made anew: 1 DELETE of item" in shop.run("changes", "redo", "--tag", TAG).stdout
    nowhere = shop.run("changes", "undo", "--tag", "of-nobody", "--dry-run")
    assert (nowhere.exit_code, nowhere.stdout, nowhere.stderr) == (0, "", "there are no such changes\n")
    assert rows(shop) == AFTER
    (event, *_) = shop.json("audit", "list", "--kind", "UNDO")
    assert (event["actor"], event["outcome"]) == ("host", "ok")


def test_conflicts_are_listed_and_decided_by_a_policy(shop: Line) -> None:
    change(shop, 1, stock=7)
    refused = shop.run("changes", "undo", "--tag", TAG)
    assert refused.exit_code == 1
    assert "changed-since" in refused.stdout
    assert refused.stderr.startswith("1 conflicts, nothing was written: item 1 stock: changed-since by change")
    assert rows(shop) == [(1, "bad", 7), (3, "item 3", 0)]
    told = shop.run("changes", "undo", "--tag", TAG, "--json")
    assert told.exit_code == 1
    document = json.loads(told.stdout)
    assert document["code"] == "database.undo_conflicts"
    (conflict,) = document["conflicts"]
    assert (conflict["column"], conflict["found"], conflict["wanted"]) == ("stock", 7, 1)
    skipped = shop.json("changes", "undo", "--tag", TAG, "--on-conflict", "skip")
    assert len(skipped["conflicts"]) == 1
    assert rows(shop) == [(1, "item 1", 7), (2, "item 2", 2)]
    forced = shop.json("changes", "undo", "--tag", TAG, "--on-conflict", "force")
    assert [one["forced"] for one in forced["conflicts"]] == [True]
    assert rows(shop) == BEFORE


def test_of_several_users_one_is_named_or_all(shop: Line) -> None:
    change(shop, 3, tag=TAG, stock=9)
    shown = shop.run("changes", "undo", "--tag", TAG, "--dry-run")
    assert shown.exit_code == 0
    assert "name one of them, or say --all" in shown.stderr
    refused = shop.run("changes", "undo", "--tag", TAG)
    assert refused.exit_code == 1
    assert "name one with --session ID or --user U" in refused.stderr
    assert "ben" in refused.stdout
    shop.json("changes", "undo", "--tag", TAG, "--user", "ben")
    assert rows(shop) == AFTER
    change(shop, 3, tag=TAG, stock=9)
    shop.json("changes", "undo", "--tag", TAG, "--all")
    assert rows(shop) == BEFORE


def test_changes_are_named_by_number_version_record_and_time(shop: Line) -> None:
    listed = shop.json("changes", "list", "--tag", TAG)
    number = next(row["number"] for row in listed if row["kind"] == "UPDATE")
    assert shop.json("changes", "undo", "--number", str(number))["changes"] == 1
    assert rows(shop) == [(1, "item 1", 1), (3, "item 3", 0)]
    version = str(listed[0]["version"])
    assert shop.json("changes", "undo", "--version", version, "--dry-run")["already"] == 1
    assert shop.json("changes", "undo", "--table", "item", "--key", "3", "--since", "1h", "--dry-run")["changes"] == 1
    assert shop.json("changes", "redo", "--number", str(number))["changes"] == 1
    assert rows(shop) == AFTER


def test_changes_of_the_schema_are_told(shop: Line) -> None:
    shown = shop.run("changes", "undo", "--since", "1h", "--all", "--dry-run")
    assert "1 changes of kind DDL are not undone" in shown.stderr


def test_what_makes_no_sense_is_refused(shop: Line) -> None:
    assert "Say which changes are meant" in shop.run("changes", "undo").stderr
    assert shop.run("changes", "undo", "--tag", TAG, "--on-conflict", "hope").exit_code == 2
    assert shop.run("changes", "undo", "--tag", TAG, "--database", "none").exit_code == 1
