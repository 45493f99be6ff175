"""The bridge is out of reach of scripts, also where it makes the classes of the host at their first use."""

from __future__ import annotations

import asyncio

import pytest

from sojourn.scripting.errors import ScriptTimeout
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio

SPY = """
  var seen = [];
  const keys = ['get', 'set', 'value', 'writable', 'enumerable', 'toJSON', 'then', 'e', 'v', 'q', 'length', '0', '1', 'call'];
  for (const key of keys) {
    Object.defineProperty(Object.prototype, key, {
      __proto__: null,
      configurable: true,
      get() { seen.push('get ' + key); },
      set() { seen.push('set ' + key); },
    });
  }
"""
CLEAN = "for (const key of keys) delete Object.prototype[key];"


async def test_properties_of_all_objects_are_not_read_when_classes_are_made_and_called(js: Running) -> None:
    js.host.functions["Modules.load"] = lambda *_: {"uri": "ufs:/m.js", "kind": "js", "source": "exports.x = 1"}
    code = (
        SPY + "for (const make of [() => session.id, () => session.fields, () => engine.sessionManager, () => request, "
        "() => response, () => security, () => createGUID(), () => require('./m'), () => setTimeout(() => 1, 0), "
        f"() => require('@nginstack/engine/lib/session/Session')]) try {{ make() }} catch {{ }} {CLEAN} seen.join()"
    )
    assert await js(code) == ""


async def test_a_class_that_could_not_be_made_in_a_full_stack_is_made_later(js: Running) -> None:
    code = """
      let errors = 0;
      function down() { try { down() } catch { try { session.id } catch (e) { errors += e instanceof Error ? 1 : 1000 } } }
      down();
      [errors < 1000, typeof session.login, Object.isFrozen(session), Object.isFrozen(Session.prototype)]
    """
    assert await js(code) == [True, "function", True, True]


async def test_scripts_may_have_variables_of_the_names_of_the_host(js: Running) -> None:
    assert await js("const session = require('@nginstack/engine/context/session'); session instanceof Session") is True
    assert await js("'use strict'; try { engine = 1; 'set' } catch (e) { e.name }") == "TypeError"


async def test_a_module_that_was_broken_off_is_loaded_anew(js: Running) -> None:
    source = "exports.half = 1; if (globalThis.slow) for (;;); exports.whole = 2"
    js.host.functions["Modules.load"] = lambda *_: {"uri": "ufs:/m.js", "kind": "js", "source": source}
    with pytest.raises(ScriptTimeout):
        await js("globalThis.slow = true; require('./m')", cpu=100)
    if js.worker.alive:
        assert await js("globalThis.slow = false; require('./m').whole") == 2


async def test_modules_see_what_others_in_a_cycle_have_exported_so_far(js: Running) -> None:
    sources = {
        "./a": "exports.early = 1; exports.seen = require('./b').seen; exports.late = 2",
        "./b": "const a = require('./a'); exports.seen = [a.early, a.late === undefined, module.id, __filename, __dirname]",
    }
    js.host.functions["Modules.load"] = lambda name, _: {
        "uri": f"ufs:/x/{name[2:]}.js",
        "kind": "js",
        "source": sources[name],
    }
    assert await js("require('./a').seen") == [1, True, "ufs:/x/b.js", "ufs:/x/b.js", "ufs:/x"]
    assert await js("require('./a') === require('./a')") is True
    assert [call[1] for call in js.host.calls] == [
        ["./a", "ufs:/test.js"],
        ["./b", "ufs:/x/a.js"],
        ["./a", "ufs:/x/b.js"],
    ]


async def test_a_host_call_inside_of_an_argument_of_another_keeps_both_apart(js: Running) -> None:
    async def load(name: str, _from: str) -> dict[str, str]:
        await asyncio.sleep(0)
        return {"uri": name, "kind": "json", "source": f'"{name}"'}

    js.host.functions = {"Modules.load": load, "SessionFields.put": lambda _name, value: value}
    assert await js("session.fields.put('a', { get x() { return require('./inner') }, y: 1 })") == {
        "x": "./inner",
        "y": 1,
    }
