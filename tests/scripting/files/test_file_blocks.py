"""A file runs again and again in one global scope: what it declares with ``const`` is its own, its last value is there."""

from __future__ import annotations

import pytest

from sojourn.scripting.errors import ScriptFailed
from sojourn.scripting.files.wrapping import as_block
from sojourn.scripting.runtime import Script
from sojourn.scripting.values import UNDEFINED, Value
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio


async def file(js: Running, code: str, name: str = "ufs:/test.js") -> Value:
    return await js.task(Script(as_block(code), name, block=True))


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("const a = 1; let b = 2; class C {} a + b", 3),
        ("'use strict'; const a = 1; (function () { return this === undefined; })()", True),
        ("// says\n/* more */ 'use strict'\nconst a = 2\na", 2),
        ('"use strict"', "use strict"),
        ("var a = 1; function f() {}", UNDEFINED),
        ("'use strict' + 1", "use strict1"),
        ("'one', 'two'", "two"),
        ("#!/usr/bin/env sojourn\nconst a = 4; a", 4),
        ("const a = 5; a // the end", 5),
        ("const a = {b: 6}; ({...a})", {"b": 6}),
        ("if (true) { 'yes' } else { 'no' }", "yes"),
    ],
)
async def test_a_file_runs_twice_and_has_its_last_value(js: Running, code: str, value: object) -> None:
    for _ in range(2):
        assert await file(js, code) == value


async def test_vars_functions_and_globals_stay_and_consts_go(js: Running) -> None:
    await file(js, "var kept = (globalThis.kept ?? 0) + 1; function add(a) { return a + kept; } const gone = 1")
    await file(js, "var kept = (globalThis.kept ?? 0) + 1; function add(a) { return a + kept; } const gone = 1")
    assert await js("[kept, add(40), typeof gone]") == [2, 42, "undefined"]


async def test_lines_of_a_stack_are_those_of_the_file(js: Running) -> None:
    with pytest.raises(ScriptFailed) as failed:
        await file(js, "'use strict';\nconst a = 1;\n\nnull.x", "ufs:/shop/a.js")
    assert "ufs:/shop/a.js:4" in failed.value.stack
