"""The code of the page about the database in Python, one block after the other."""

from __future__ import annotations

from contextlib import aclosing
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import sojourn
from sojourn import Engine
from sojourn.data.port import Column
from tests.data.conftest import Enter
from tests.docs.test_pages import blocks

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def database_kind() -> str:
    """The page makes its own tables, and a file of its own is easily had."""
    return "sqlite"


def page() -> dict[str, Any]:
    names: dict[str, Any] = {name: getattr(sojourn, name) for name in sojourn.__all__}
    names |= {"aclosing": aclosing, "date": date, "Decimal": Decimal}
    for block in blocks("docs/howto/use-the-database.md", "python"):
        exec(block, names)
    return names


async def test_the_code_of_the_page_does_what_it_says(engine: Engine, enter: Enter) -> None:
    code = page()
    session = await enter()
    main, reports = await code["begin"](engine, session)
    assert (main.name, reports.name) == ("main", "reports")
    # The tables of the other tests are in the way.
    await main.execute_ddl("DROP VIEW cheap")
    await main.execute_ddl("DROP TABLE product")
    await code["make"](main)
    assert (await main.table("product")).columns["since"] == Column("since", "date")
    version = await code["change"](main)
    assert version == await main.version()
    cheap, one, both = await code["ask"](main)
    assert [(row["name"], row["price"], row["since"]) for row in cheap] == [
        ("lamp", Decimal("8.5"), date(2026, 11, 22))
    ]
    assert one.rows == [("lamp",)]
    assert [found.rows for found in both] == [[(1,)], [(8.5,)]]
    assert await code["walk"](main) == 1
