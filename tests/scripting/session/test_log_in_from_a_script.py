"""The scripts of ``docs/howto/log-in-from-a-script.md`` run, on both runtimes."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from sojourn.core.json import decode
from sojourn.scripting.exchange import Exchange, ScriptRequest
from sojourn.scripting.files.wrapping import as_block
from sojourn.scripting.response import ScriptResponse
from tests.scripting.session.conftest import Scripted
from tests.scripting.session.test_open_id_in_scripts import Corp, corp

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "log-in-from-a-script.md"
SCRIPTS = re.findall(r"^```js\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)

__all__ = ["corp"]


async def test_the_scripts_of_the_page_give_what_it_says(scripted: Scripted) -> None:
    said = [(code, found[1]) for code in SCRIPTS if (found := re.search(r"// => (.+)\n$", code))]
    assert len(said) == 3
    for code, outcome in said:
        assert await scripted(as_block(code)) == decode(outcome)


async def test_there_and_back_through_the_provider(scripted: Scripted, corp: Corp) -> None:
    there, back = (code for code in SCRIPTS if "// routes:" in code)
    scripted.run.exchange = exchange("/in")
    await scripted(as_block(there))
    location = scripted.run.exchange.response.header("Location")
    state = parse_qs(urlsplit(location).query)["state"][0]
    assert (await scripted.desk("SessionFields.get", "login"))["state"] == state
    scripted.run.exchange = exchange("/back", query=f"code=c&state={state}")
    assert await scripted(as_block(back)) == "anna"
    assert corp.asked[0]["code"] == "c"


def exchange(path: str, query: str = "") -> Exchange:
    return Exchange(request=ScriptRequest(method="GET", path=path, query=query), response=ScriptResponse(most=10_000))
