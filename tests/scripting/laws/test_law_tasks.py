"""What each runtime does with tasks, values and errors."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from sojourn.core.errors import Forbidden
from sojourn.scripting.errors import ScriptFailed
from sojourn.scripting.runtime import Function, Module, ReadGlobal, WriteGlobal
from sojourn.scripting.values import UNDEFINED, BigInt
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio


async def test_declarations_of_a_script_stay(js: Running) -> None:
    assert await js("let a = 1; const b = 2; var c = 3; class D {} function e() { return a + b + c }; e()") == 6
    assert await js("[a, b, c, typeof D, e()]") == [1, 2, 3, "function", 6]


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**53 - 1,
    -(2**53) + 1,
    0.1,
    1e300,
    5e-324,
    "",
    "text",
    "a\x00b",
    "😀 ünïcödé \u2028\u2029",
    UNDEFINED,
    BigInt(12345678901234567890),
    datetime(1969, 7, 20, 20, 17, 40, 123000, UTC),
    b"",
    b"\x00\xff\n",
    [],
    {},
    [1, [2, [3, {"a": [None, UNDEFINED]}]]],
    {"$": 1},
    {"$": ["date", 0], "a": {"$": ["bytes", "x"]}},
    {"__proto__": 1, "constructor": 2, "toJSON": 3, "length": 4},
    {"": "", "a b": "\n", "1": 1},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
async def test_a_value_comes_back_as_it_went(js: Running, value: Any) -> None:
    js.host.functions["Test.same"] = lambda given: given
    await js("var kept; function keep(v) { kept = v }")
    await js.task(Function(name="keep", args=[value]))
    back = await js("kept")
    assert back == value
    assert type(back) is type(value)


async def test_special_numbers_cross_in_both_directions(js: Running) -> None:
    await js("function same(v) { return [v, Object.is(v, -0), Number.isNaN(v)] }")
    assert math.isnan(await js("NaN"))  # type: ignore[arg-type]
    assert await js("[1/0, -1/0]") == [math.inf, -math.inf]
    assert math.copysign(1, await js("-0")) == -1  # type: ignore[arg-type]
    assert (await js.task(Function(name="same", args=[-0.0])))[1] is True  # type: ignore[index]
    assert (await js.task(Function(name="same", args=[math.nan])))[2] is True  # type: ignore[index]
    assert await js("[2 ** 60, 1e21].map((n) => typeof n)") == ["number", "number"]
    assert await js("2 ** 60") == 2.0**60
    assert isinstance(await js("2 ** 60"), float)


async def test_a_lone_surrogate_becomes_the_replacement_character(js: Running) -> None:
    assert await js("'a\\ud800b'") == "a\ufffdb"
    assert await js("({ ['k\\udc00']: 1 })") == {"k\ufffd": 1}
    await js("function codes(s) { return [...s].map((c) => c.codePointAt(0)) }")
    assert await js.task(Function(name="codes", args=["a\ud800"])) == [97, 0xFFFD]


async def test_instances_go_as_their_properties_or_by_their_to_json(js: Running) -> None:
    assert await js("class P { constructor() { this.x = 1 } get y() { return 2 } } new P()") == {"x": 1}
    assert await js("new (class { toJSON() { return { z: 3 } } })()") == {"z": 3}
    assert await js("new Map([[1, 2]])") == {}
    found = await js("Object.assign(new RangeError('bad'), { code: 7 })")
    assert isinstance(found, dict)
    assert (found["name"], found["message"], found["code"]) == ("RangeError", "bad", 7)
    assert "ufs:/test.js:1" in str(found["stack"])


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("() => 1", ""),
        ("({ a: [1, { b: Symbol('s') }] })", "a[1].b"),
        ("({ f() {} })", "f"),
    ],
)
async def test_what_is_no_value_is_refused_with_its_place(js: Running, code: str, where: str) -> None:
    with pytest.raises(
        ScriptFailed, match="cannot be handed over" + where.replace("[", r"\[").join([" at " if where else "", ""])
    ):
        await js(code)


async def test_a_cycle_is_refused(js: Running) -> None:
    with pytest.raises(ScriptFailed, match="nested deeper than 100 levels"):
        await js("const a = {}; a.a = [a]; a")
    assert await js("1") == 1


async def test_functions_globals_and_modules_are_reached(js: Running) -> None:
    js.host.functions["Modules.load"] = lambda name, _from: {
        "uri": f"ufs:/{name}",
        "kind": "js",
        "source": "exports.twice = (n) => 2 * n; exports.self = function () { return this === exports }",
    }
    await js("const hidden = (a, b) => a - b; var seen = 5")
    assert await js.task(Function(name="hidden", args=[5, 3])) == 2
    assert await js.task(Module(name="m.js", export="twice", args=[21])) == 42
    assert await js.task(Module(name="m.js", export="self")) is True
    assert await js.task(ReadGlobal(name="seen")) == 5
    assert await js.task(ReadGlobal(name="nothing")) == UNDEFINED
    await js.task(WriteGlobal(name="given", value={"a": b"\x01"}))
    assert await js("given.a instanceof ArrayBuffer && given.a.byteLength") == 1
    with pytest.raises(ScriptFailed, match="nothing is not a function"):
        await js.task(Function(name="nothing"))


async def test_an_error_has_name_message_stack_and_its_own_properties(js: Running) -> None:
    with pytest.raises(ScriptFailed) as caught:
        await js(
            "function f() {\n  throw Object.assign(new TypeError('no'), { code: 'x.y', n: 1 });\n}\nf();",
            file="ufs:/a/b.js",
        )
    assert (caught.value.name, caught.value.text) == ("TypeError", "no")
    assert caught.value.thrown == {"code": "x.y", "n": 1}
    first, second = caught.value.stack.strip().splitlines()[:2]
    assert "f" in first
    assert "ufs:/a/b.js:2:" in first
    assert "ufs:/a/b.js:4:" in second
    assert "sojourn:" not in caught.value.stack


async def test_a_stack_has_the_calls_of_scripts_and_nothing_of_what_runs_them(js: Running) -> None:
    with pytest.raises(ScriptFailed) as caught:
        await js("[1].map(() => {\n  throw new Error('no');\n});", file="ufs:/a/b.js")
    lines = caught.value.stack.strip().splitlines()
    assert [line for line in lines if "ufs:/a/b.js:" not in line and "map" not in line] == []
    assert (len(lines), ":2:" in lines[0], "map" in lines[1], ":1:" in lines[2]) == (3, True, True, True)


@pytest.mark.parametrize(("code", "text"), [("throw 5", "5"), ("throw null", "null"), ("throw { a: 1 }", '{"a":1}')])
async def test_a_thrown_value_that_is_no_error_is_named_so(js: Running, code: str, text: str) -> None:
    with pytest.raises(ScriptFailed) as caught:
        await js(code)
    assert (type(caught.value), caught.value.name, caught.value.text) == (ScriptFailed, "Thrown", text)


async def test_a_syntax_error_says_where(js: Running) -> None:
    with pytest.raises(ScriptFailed) as caught:
        await js("let a = 1;\nlet b = ;", file="ufs:/bad.js")
    assert caught.value.name == "SyntaxError"
    assert "ufs:/bad.js:2" in caught.value.stack


async def test_what_the_host_raises_is_an_error_that_a_script_can_catch(js: Running) -> None:
    def refuse(*_: Any) -> None:
        raise Forbidden

    def broken(*_: Any) -> None:
        raise KeyError("secret")

    js.host.functions = {"Modules.load": refuse}
    code = "try { require('x') } catch (e) { [e instanceof Error, e.name, e.message, e.code, e.stack.includes('test.js')] }"
    assert await js(code) == [True, "Forbidden", "This is not allowed.", "auth.forbidden", True]
    js.host.functions = {"Modules.load": broken}
    assert await js("try { require('x') } catch (e) { [e.name, e.message] }") == ["HostFailure", "internal error"]
    with pytest.raises(ScriptFailed, match="HostFailure: internal error"):
        await js("require('x')")


async def test_a_promise_is_waited_for_with_its_jobs_and_timers(js: Running) -> None:
    assert await js("new Promise((done) => setTimeout(done, 5, 'late'))") == "late"
    assert await js("(async () => { let n = 0; for (let i = 0; i < 100; i++) n += await i; return n })()") == 4950
    with pytest.raises(ScriptFailed, match="RangeError: off"):
        await js("Promise.reject(new RangeError('off'))")
    with pytest.raises(ScriptFailed, match="never settled"):
        await js("new Promise(() => {})")


async def test_timers_run_in_order_and_an_error_in_one_fails_the_task(js: Running) -> None:
    code = """
      var order = [];
      setTimeout(() => order.push('b'), 2);
      setTimeout((x) => order.push(x), 0, 'a');
      const gone = setTimeout(() => order.push('never'), 1);
      clearTimeout(gone);
      let n = 0;
      const last = () => { clearInterval(every); setTimeout(() => order.push('c'), 1) };
      const every = setInterval(() => { order.push('i'); if (++n === 2) last() }, 4);
      Promise.resolve().then(() => order.push('job'));
      1
    """
    assert await js(code) == 1
    assert await js("order.join()") == "job,a,b,i,i,c"
    with pytest.raises(ScriptFailed, match="Error: late"):
        await js("setTimeout(() => { throw new Error('late') }, 1); 1")
    assert await js("order.length") == 6


async def test_an_execution_leaves_no_timer_behind_when_it_fails(js: Running) -> None:
    with pytest.raises(ScriptFailed):
        await js("var late = 0; setTimeout(() => { late = 1 }, 1); throw new Error('x')")
    assert await js("new Promise((done) => setTimeout(() => done(late), 20))") == 0
