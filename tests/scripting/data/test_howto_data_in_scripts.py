"""The scripts of the how-to on data, one after the other in the sessions of one project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.scripting.data.conftest import Players

pytestmark = pytest.mark.anyio

HOWTO = Path(__file__).parents[3] / "docs" / "howto" / "data-in-scripts.md"
SCRIPTS = re.findall(r"^```js\n(.*?)^```", HOWTO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
OUTCOME = re.compile(r"; // => (.+)$")


async def test_its_scripts_do_what_it_says(player: Players) -> None:
    anna = await player()
    told = 0
    for script in SCRIPTS:
        outcome = OUTCOME.search(script.strip())
        value = await anna.raw(script)
        if outcome:
            told += 1
            assert value == json.loads(outcome[1]), script
    await anna("database.executeDDL('DROP TABLE book')")
    assert told >= len(SCRIPTS) - 1
