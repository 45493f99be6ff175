"""What a script reads in a stack: its own calls, and nothing of what runs it."""

from __future__ import annotations

import pytest

from sojourn.scripting.values import Value
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio

DEEP = "function f() { return new Error('x') }\nfunction g() { return f() }\n"


async def stack(js: Running, code: str) -> str:
    found: Value = await js(code, file="ufs:/shop/a.js")
    assert isinstance(found, str)
    return found


async def test_a_stack_has_the_calls_of_the_script_with_their_places(js: Running) -> None:
    said = await stack(js, f"{DEEP}g().stack")
    assert said.index("f (ufs:/shop/a.js:1") < said.index("g (ufs:/shop/a.js:2") < said.index("ufs:/shop/a.js:3")


@pytest.mark.parametrize(
    "code",
    [
        "g().stack",
        "let s = ''; try { null.x } catch (e) { s = e.stack } s",
        "let s = ''; try { session.login() } catch (e) { s = e.stack } s",
        "let s = ''; try { require('ufs:/none.js') } catch (e) { s = e.stack } s",
        "let s = ''; try { (function r() { r() })() } catch (e) { s = e.stack } s",
        "class E extends Error { get name() { throw 1 } } new E('x').stack",
        "Error.prepareStackTrace = (e, sites) => sites[0].getFileName(); g().stack + ''",
    ],
)
async def test_no_stack_names_a_file_of_the_machine(js: Running, code: str) -> None:
    said = await stack(js, f"var s2 = 1;\n{DEEP}{code}")
    assert "file:" not in said
    assert "worker.js" not in said
    assert "ext:" not in said
