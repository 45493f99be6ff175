"""What strangers have written, on the terminal of an operator; and what nobody should have typed."""

from __future__ import annotations

import asyncio

import pytest

from sojourn.bootstrap import Engine
from sojourn.data.terms import TableChanges
from tests.cli.conftest import Line
from tests.cli.test_changes_command import PASSWORD, shop

__all__ = ["shop"]

#: Paste into the clipboard, clear the screen, colour, turn the text around.
OBEYED = "\x1b]52;c;eA==\x07 \x1b[2J \x9b1m \u202e"

LONG = "9" * 5_000


async def _write(shop: Line) -> None:
    async with Engine.open(shop.project, recover=False) as engine:
        ana = await engine.login("acme", "ana", PASSWORD)
        assert ana is not None
        database = engine.database(ana)
        await database.execute_ddl('CREATE TABLE odd ("iKey" INTEGER PRIMARY KEY, "=1+1" TEXT, "\x1b[31m" TEXT)')
        await database.apply_updates(
            [TableChanges(table="odd", inserted=[{"iKey": 1, "=1+1": OBEYED, "\x1b[31m": ""}])]
        )
        await database.insert_log("ODD", content=OBEYED)


def test_a_terminal_obeys_nothing_that_was_listed(shop: Line) -> None:
    asyncio.run(_write(shop))
    for command in (
        ("changes", "list"),
        ("changes", "show", "8"),
        ("changes", "undo", "--table", "odd", "--dry-run"),
        ("data", "query", "SELECT * FROM odd"),
        ("data", "tables"),
        ("data", "query", 'SELECT "\x1b[31m" FROM nothing'),
    ):
        shown = shop.run(*command).output
        assert shown
        assert not set(shown) & {"\x1b", "\x07", "\x9b", "\u202e"}, command
    assert "\\x1b[2J" in shop.run("changes", "list").output


def test_a_spreadsheet_calculates_no_name_of_a_column(shop: Line) -> None:
    asyncio.run(_write(shop))
    assert shop.run("data", "query", 'SELECT "=1+1" FROM odd', "--csv").output.startswith("'=1+1\n")


@pytest.mark.parametrize(
    "command",
    [
        ("changes", "list", "--user", LONG),
        ("changes", "list", "--table", "item", "--key", LONG),
        ("changes", "list", "--version", "9" * 20),
        ("changes", "show", "9" * 20),
        ("changes", "undo", "--number", "9" * 20),
        ("changes", "list", "--session", "\ud800"),
    ],
)
def test_a_number_that_is_none_of_ours_is_said_in_a_line(shop: Line, command: tuple[str, ...]) -> None:
    done = shop.run(*command)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
