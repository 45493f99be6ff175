"""The commands of the page about a bad import, run by sh on a project in which one has happened."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.config.scaffold import write_project
from sojourn.data.database import Database
from sojourn.data.terms import Deleted, Modified, TableChanges
from sojourn.scripting.run import Kept
from tests.docs.test_pages import blocks
from tests.e2e.process import environment
from tests.patience import HANGS

PAGE = "docs/howto/undo-a-bad-import.md"
PASSWORD = "four plain words of ours"


async def prepare(folder: Path) -> None:
    """An import halves the prices, removes a product and adds one; then somebody corrects a price."""
    write_project(folder)
    project = load_project(folder, os.environ)
    await install(project.settings)
    async with Engine.open(project, recover=False) as engine:
        await engine.rules.users.add("main", "ana", PASSWORD)
        await engine.rules.grants.grant("ana", "database.alterSchema")
        database = await entered(engine)
        await database.execute_ddl('CREATE TABLE product ("iKey" BIGINT PRIMARY KEY, name TEXT, price INTEGER)')
        rows: list[dict[str, Any]] = [{"iKey": key, "name": f"product {key}", "price": 10 * key} for key in (1, 2, 3)]
        await database.apply_updates([TableChanges(table="product", inserted=rows)])
        database.tracking_id = "import-0300"
        halved = [Modified(key, {}, {"price": 5 * key}) for key in (1, 2)]
        added: list[dict[str, Any]] = [{"iKey": 4, "name": "product 4", "price": 1}]
        await database.apply_updates(
            [TableChanges(table="product", inserted=added, modified=halved, deleted=[Deleted(3, {})])]
        )
        correction = TableChanges(table="product", modified=[Modified(2, {}, {"price": 22})])
        await (await entered(engine)).apply_updates([correction])


async def entered(engine: Engine) -> Database:
    session = await engine.login("main", "ana", PASSWORD)
    assert session is not None
    return engine.database(session, terms=Kept())


async def prices(folder: Path) -> list[object]:
    async with Engine.open(load_project(folder, os.environ), recover=False) as engine:
        found = await (await entered(engine)).query("SELECT * FROM product ORDER BY 1")
        return [(row["iKey"], row["price"]) for row in found]


def test_the_commands_find_the_import_and_take_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "shop"
    asyncio.run(prepare(folder))
    prelude = f'set -e\nsojourn() {{ "{sys.executable}" -m sojourn "$@"; }}\n'
    done = subprocess.run(
        ["sh", "-c", prelude + "\n".join(blocks(PAGE, "sh"))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=HANGS,
        env=environment(tmp_path),
        check=False,
    )
    assert done.returncode == 0, done
    assert "import-0300" in done.stdout
    assert "would be taken back: 1 DELETE of product, 1 INSERT of product, 1 UPDATE of product" in done.stdout
    assert done.stdout.count("changed-since") == 3
    assert "the log is whole" in done.stdout
    assert asyncio.run(prices(folder)) == [(1, 10), (2, 22), (3, 30)]
