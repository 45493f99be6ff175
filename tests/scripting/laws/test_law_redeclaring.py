"""A script that runs again in the same global scope, as the script of a route does at each request of a session."""

import pytest

from sojourn.scripting.errors import ScriptFailed
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio

CODE = """// counts
const step = 2; let seen = []; class Counter {} function twice(x) { return 2 * x; }
var total = (typeof total === 'number' ? total : 0) + step;
seen.push(total);
seen.join() + typeof Counter + twice(total)
"""


async def test_a_script_runs_again_with_all_that_it_declares(js: Running) -> None:
    assert [await js(CODE) for _ in range(3)] == ["2function4", "4function8", "6function12"]
    assert await js("total") == 6


async def test_two_scripts_may_use_the_same_name(js: Running) -> None:
    assert await js("const name = 'first'; name", file="ufs:/first.js") == "first"
    assert await js("const name = 'second'; name", file="ufs:/second.js") == "second"
    assert await js("name", file="ufs:/third.js") == "first"


@pytest.mark.parametrize("quote", ["'", '"'])
async def test_a_strict_script_stays_strict(js: Running, quote: str) -> None:
    code = f"/* a */ // b\n {quote}use strict{quote};\nconst x = 1; (function () {{ return this; }})() === undefined"
    assert [await js(code) for _ in range(2)] == [True, True]
    sloppy = "const x = 1; 'use strict'; (function () { return this; })() === undefined"
    assert [await js(sloppy) for _ in range(2)] == [False, False]


async def test_lines_stay_those_of_the_file(js: Running) -> None:
    code = "const x = 1;\n\nthrow new Error('here')"
    stacks = []
    for _ in range(2):
        with pytest.raises(ScriptFailed) as failed:
            await js(code, file="ufs:/lines.js")
        stacks.append(failed.value.stack)
    assert ["ufs:/lines.js:3:" in stack for stack in stacks] == [True, True]


async def test_another_mistake_is_none_of_these(js: Running) -> None:
    with pytest.raises(ScriptFailed) as failed:
        await js("let a; let a;")
    assert failed.value.name == "SyntaxError"
    with pytest.raises(ScriptFailed) as failed:
        await js("globalThis.ran = (globalThis.ran || 0) + 1; throw new SyntaxError('mine')")
    assert failed.value.text == "mine"
    assert await js("ran") == 1
