"""Ways out of a script that are closed: to objects of the host, to its globals, files, processes and sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sojourn.core.errors import Forbidden
from sojourn.scripting.errors import ScriptFailed
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio

#: Names that give more than the language in one JavaScript host or another.
FORBIDDEN_NAMES = [
    "Deno",
    "Bun",
    "process",
    "Buffer",
    "global",
    "window",
    "self",
    "module",
    "exports",
    "__filename",
    "__dirname",
    "fetch",
    "XMLHttpRequest",
    "WebSocket",
    "EventSource",
    "Worker",
    "SharedWorker",
    "importScripts",
    "navigator",
    "localStorage",
    "sessionStorage",
    "caches",
    "indexedDB",
    "std",
    "os",
    "bjson",
    "scriptArgs",
    "print",
    "load",
    "loadScript",
    "read",
    "readFile",
    "quit",
    "gc",
    "version",
    "natives",
    "send",
    "raw",
    "__host",
    "__bootstrap",
    "sojournWatched",
    "BroadcastChannel",
    "MessageChannel",
    "structuredClone",
    "ShadowRealm",
    "java",
    "Packages",
    "python",
    "__import__",
    "ActiveXObject",
]

#: Goes through everything that can be reached from some values: properties, getters, prototypes. An object whose
#: prototypes end anywhere but in our own Object.prototype, or in null, is of another realm. Gives the paths of these.
WALK = """
function foreign(roots) {
  const seen = new Set();
  const found = [];
  const todo = Object.entries(roots);
  const visit = (path, value) => {
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') todo.push([path, value]);
  };
  while (todo.length > 0) {
    const [path, value] = todo.pop();
    if (seen.has(value)) continue;
    seen.add(value);
    let last = value;
    for (let next; (next = Object.getPrototypeOf(last)) !== null;) last = next;
    const own = last === Object.prototype || last === value || typeof last === 'object' && last.constructor === undefined;
    if (!own) found.push(path);
    if (typeof value === 'function') {
      try {
        if (value.constructor('return globalThis')() !== globalThis) found.push(path + ' is of another global');
      } catch {}
    }
    visit(path + '.__proto__', Object.getPrototypeOf(value));
    for (const name of Reflect.ownKeys(value)) {
      const property = Reflect.getOwnPropertyDescriptor(value, name);
      const at = path + '.' + String(name);
      visit(at, property.value);
      visit(at + ' (get)', property.get);
      visit(at + ' (set)', property.set);
      if (path !== 'globalThis') continue;
      try { visit(at + '()', value[name]); } catch (error) { visit(at + ' (error)', error); }
    }
  }
  return found;
}
"""


class Refused(Forbidden):
    """You may not."""

    code = "test.refused"


def _refuse(*_: Any) -> None:
    raise Refused


async def _load(name: str, _: str) -> dict[str, str]:
    await asyncio.sleep(0)
    sources = {
        "good": ("js", "exports.f = () => 1; exports.g = require; exports.m = module; exports.t = this;"),
        "json": ("json", '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}'),
        "bad": ("js", "let ("),
        "throws": ("js", "null.x"),
        "badjson": ("json", "{"),
    }
    if name not in sources:
        raise Refused
    kind, source = sources[name]
    return {"uri": f"ufs:/{name}", "kind": kind, "source": source}


@pytest.fixture
def out(js: Running) -> Running:
    """A scope whose host answers some calls and refuses others."""
    js.host.functions |= {
        "Session.userKey": lambda: 7,
        "Session.login": lambda *args: list(args),
        "Session.logout": _refuse,
        "Session.id": lambda: {"a": [1, {"b": b"x"}], "__proto__": {"polluted": 1}},
        "Modules.load": _load,
    }
    return js


async def test_nothing_but_the_language_and_the_host_api_is_there(out: Running) -> None:
    assert await out(f"{FORBIDDEN_NAMES!r}.filter((name) => name in globalThis)") == []
    for code in ("import.meta", "import fs from 'fs'", "export default 1"):
        with pytest.raises(ScriptFailed, match="SyntaxError"):
            await out(code)


async def test_nothing_that_can_be_reached_is_of_another_realm(out: Running) -> None:
    assert await out(WALK + "foreign({ globalThis })") == []


async def test_nothing_that_calls_give_is_of_another_realm(out: Running) -> None:
    roots = """
    const caught = (f) => { try { return [f()] } catch (error) { return [error] } };
    const roots = {
      result: session.id, list: session.login('a', [{ b: new Date() }]), refused: caught(() => session.logout()),
      unknown: caught(() => session.setTimeout({})), readOnly: caught(() => { 'use strict'; session.userKey = 1 }),
      function: caught(() => session.login(() => {})), symbol: caught(() => session.login(Symbol())),
      circle: caught(() => { const a = []; a[0] = a; session.login(a) }), module: require('good'), json: require('json'),
      missing: caught(() => require('fs')), syntax: caught(() => require('bad')), thrown: caught(() => require('throws')),
      broken: caught(() => require('badjson')), noName: caught(() => require({})), call: caught(() => session.login.call(1)),
      construct: caught(() => new Session()), plain: caught(() => Session()), timer: caught(() => setTimeout(1)),
      stack: caught(() => Error.prepareStackTrace), evil: caught(() => eval('let (')), code: caught(() => Function('(')),
      log: caught(() => console.log({})), this: (function () { return this })(), rejected: import('fs').catch((e) => e),
    };
    """
    assert await out(WALK + roots + "foreign(roots)") == []
    later = WALK + "new Promise((done) => setTimeout(function (...args) { done(foreign({ self: this, args })) }, 0, 1))"
    assert await out(later.replace("const ", "var ")) == []


@pytest.mark.parametrize("name", ["fs", "node:fs", "./x.js", "file:///etc/passwd", "data:text/javascript,1", "@std/fs"])
async def test_import_leads_nowhere(out: Running, name: str) -> None:
    assert await out(f"import('{name}').then(() => 'there', (error) => error instanceof Error)") is True
    inside = f"new Function(`return import('{name}')`)()"
    assert await out(inside + ".then(() => 'there', (error) => error instanceof Error)") is True


@pytest.mark.parametrize(
    "inner",
    [
        "session.userKey",
        "session.login('a', { b: [1, 2, { c: 3 }] })",
        "session.logout()",
        "require('good' + (count += 1))",
        "require('bad')",
        "setTimeout(() => {}, 1)",
        "new Session()",
        "console.log(1)",
        "session.userKey = 1",
    ],
)
async def test_a_stack_that_overflows_in_the_bridge_gives_errors_of_the_script(out: Running, inner: str) -> None:
    code = f"""
    'use strict';
    var count = 0;
    const errors = new Set();
    const overflow = (pad) => {{
      const deeper = (a) => {{ try {{ deeper(a) }} finally {{ if (errors.size < 300) attempt() }} }};
      const attempt = () => {{ try {{ {inner} }} catch (error) {{ errors.add(error) }} }};
      try {{ deeper(pad) }} catch (error) {{ errors.add(error) }}
    }};
    overflow();
    const own = (e) => e instanceof Error && e.constructor.constructor('return globalThis')() === globalThis;
    [errors.size > 0, [...errors].every(own)]
    """
    assert await out(code) == [True, True]
    assert await out("session.userKey") == 7


#: Changes everything that a bridge could be tempted to use, and notes what it is given.
SPY = """
var leaks = [];
const note = (where, values) => {
  for (const value of values) {
    if (typeof value === 'function' && !known.has(value)) leaks.push(where + ': ' + value.name);
    if (typeof value === 'string' && value.includes('"op":')) leaks.push(where + ': ' + value.slice(0, 60));
  }
};
const known = new Set();
for (const name of Object.getOwnPropertyNames(globalThis)) {
  for (const at of [globalThis[name], globalThis[name]?.prototype]) {
    if (at === null || (typeof at !== 'object' && typeof at !== 'function')) continue;
    for (const key of Reflect.ownKeys(at)) {
      const { value, get } = Reflect.getOwnPropertyDescriptor(at, key);
      for (const f of [value, get]) if (typeof f === 'function') known.add(f);
    }
  }
}
const { apply, ownKeys, getOwnPropertyDescriptor, defineProperty } = Reflect;
const nativeSet = Set, has = Set.prototype.has, push = Array.prototype.push;
const wrap = (target, key) => {
  const property = getOwnPropertyDescriptor(target, key);
  if (typeof property?.value !== 'function' || !property.configurable) return;
  const original = property.value;
  const spy = function (...args) { busy || ((busy = true), note(String(key), [this, ...args]), (busy = false)); return apply(original, this, args); };
  try { defineProperty(target, key, { ...property, value: spy }); } catch {}
};
let busy = false;
"""
PATCHES = """
for (const target of [JSON, Reflect, Math, Function.prototype, String.prototype, Array.prototype, Map.prototype,
    WeakMap.prototype, Promise.prototype, RegExp.prototype, Object, Number, Date.prototype, Uint8Array.prototype]) {
  for (const key of ownKeys(target)) if (key !== 'constructor') wrap(target, key);
}
for (const key of ['q', 'v', 'e', 'n', 'a', 'op', 'name', 'message', 'code', 'toJSON', '$', 'uri', 'kind', 'source', 'then',
    'type', 'task', 'get', 'set', 'value', '0', '1', 'exports']) {
  try {
    defineProperty(Object.prototype, key, {
      configurable: true, get() { return undefined }, set(value) { leaks.push('setter ' + key); },
    });
  } catch {}
}
Array.prototype[Symbol.iterator] = function () { leaks.push('iterator'); return [][Symbol.iterator]; };
Error.prepareStackTrace = (error, frames) => { leaks.push('frames ' + frames.length); return frames; };
"""


async def test_a_script_that_patches_the_language_learns_nothing_and_changes_no_call(out: Running) -> None:
    await out(SPY + PATCHES + "0")
    out.host.calls.clear()
    value = {"a": [1, "x", None, True], "d": {"e": "f"}}
    assert await out("session.login('anna', { a: [1, 'x', null, true], d: { e: 'f' } }, 'secret')") == [
        "anna",
        value,
        "secret",
    ]
    assert out.host.calls == [("Session.login", ["anna", value, "secret"])]
    assert await out("session.userKey") == 7
    assert await out("try { session.logout(); 0 } catch (error) { error.name + error.message + error.code }") == (
        "RefusedYou may not.test.refused"
    )
    assert await out("(0, require('good').f)()") == 1
    assert await out("leaks.length === 0 ? '' : leaks[0]") == ""


FROZEN = [
    "session.login = () => 'mine'",
    "session.more = 1",
    "delete Object.getPrototypeOf(session).login",
    "Object.getPrototypeOf(session).login = () => 'mine'",
    "Session.prototype.login = () => 'mine'",
    "Session.more = 1",
    "session.__proto__ = {}",
    "Object.setPrototypeOf(session, { login() {} })",
    "Object.setPrototypeOf(Session.prototype, { login() {} })",
    "Object.defineProperty(session, 'login', { value: () => 'mine' })",
    "Object.defineProperty(Session.prototype, 'userKey', { get: () => 'mine' })",
    "Object.assign(session, { login: 1 })",
    "Reflect.set(session, 'login', 1, session) || (() => { throw new TypeError() })()",
    "globalThis.session = {}",
    "require.cache = {}",
    "session.login.call = 1",
    "session.userKey = 1",
    "engine.more = 1",
    "createGUID.x = 1",
    "setTimeout.x = 1",
]


@pytest.mark.parametrize("code", FROZEN)
async def test_objects_of_the_host_are_frozen(out: Running, code: str) -> None:
    assert (
        await out(f"'use strict'; try {{ {code}; 'changed' }} catch (error) {{ error instanceof TypeError }}") is True
    )
    assert await out("[session.userKey, session.login('x')]") == [7, ["x"]]


async def test_callbacks_see_no_function_of_the_bridge(out: Running) -> None:
    code = """
    const seen = [];
    function spy() {
      for (const f of [() => spy.caller, () => spy.arguments?.callee?.caller, () => arguments.callee.caller]) {
        try { const got = f(); if (typeof got === 'function' && !String(got).includes('spy')) seen.push(String(got)); } catch {}
      }
      return 1;
    }
    function use() { session.login({ get a() { return spy() }, b: { toJSON: spy } }) }
    use();
    seen
    """
    assert await out(code) == []
    frames = "Error.prepareStackTrace = (e, frames) => frames; String(typeof new Error().stack)"
    assert await out(f"try {{ {frames} }} catch {{ 'string' }}") == "string"
    assert await out("const o = {}; Error.captureStackTrace?.(o); typeof (o.stack ?? '')") == "string"


async def test_a_getter_of_an_argument_may_call_the_host(out: Running) -> None:
    assert await out("session.login({ get a() { return session.userKey }, b: { toJSON: () => session.userKey } })") == [
        {"a": 7, "b": 7}
    ]
    assert await out("session.login(new Proxy({ x: 1 }, { get: (t, k) => (session.userKey, t[k]) }))") == [{"x": 1}]
    with pytest.raises(ScriptFailed, match="mine"):
        await out("session.login({ get a() { throw new Error('mine') } })")
    assert await out("session.userKey") == 7


async def test_what_the_host_gives_pollutes_no_prototype(out: Running) -> None:
    assert await out("[session.id.polluted, require('json').polluted, ({}).polluted]") == [
        await out("undefined"),
        await out("undefined"),
        await out("undefined"),
    ]
    assert await out("Object.hasOwn(session.id, '__proto__') && Object.hasOwn(require('json'), '__proto__')") is True


async def test_a_value_that_looks_like_one_of_the_wire_is_a_plain_object(out: Running) -> None:
    forged = {"$": ["date", 0]}
    assert await out("session.login({ $: ['date', 0] })") == [forged]
    assert await out('session.login(JSON.parse(\'{"$":["bytes","!"]}\'))') == [{"$": ["bytes", "!"]}]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "ufs:/../../etc/passwd",
        "..\\..\\x",
        "a\x00b",
        "node:child_process",
        "@nginstack/engine/../../etc/passwd",
        "@nginstack/engine/__proto__",
        "@nginstack/engine/constructor",
        "@nginstack/engine/lib/../../x",
        "__proto__",
        "toString",
        "",
    ],
)
async def test_every_module_that_is_not_ours_is_the_hosts_to_refuse(out: Running, name: str) -> None:
    out.host.calls.clear()
    assert (
        await out(f"try {{ require({name!r}) }} catch (error) {{ error.code }}".replace("\\x00", "\\u0000"))
        == "test.refused"
    )
    assert out.host.calls == [("Modules.load", [name, "ufs:/test.js"])]


async def test_nothing_of_an_execution_is_left_in_the_next_scope(out: Running) -> None:
    await out(
        "var left = 1; let kept = 2; Object.prototype.polluted = 1; JSON.stringify = () => 'mine'; Math.random = () => 4;"
        "Array.prototype.push = 0; globalThis.Date = 0; Promise.prototype.then = () => 0; require('good').mine = 1;"
    )
    await out("queueMicrotask(() => { globalThis.late = 1 }); setTimeout(() => session.userKey, 1); 1")
    await out.worker.reset()
    out.host.calls.clear()
    code = """
    [typeof left, typeof kept, ({}).polluted, JSON.stringify({ a: 1 }), Math.random() !== 4, typeof [].push, typeof Date,
      typeof late, require('good').mine === undefined]
    """
    assert await out(code) == [
        *("undefined", "undefined", await out("undefined"), '{"a":1}', True, "function", "function", "undefined", True)
    ]
    assert await out("new Promise((done) => setTimeout(() => done(5), 20))") == 5
    assert [name for name, _ in out.host.calls] == ["Modules.load"]


async def test_a_promise_that_is_left_behind_does_not_run_in_the_next_execution(out: Running) -> None:
    await out("var ran = 0; setTimeout(() => { ran += 1 }, 5); 1")
    before = await out("ran")
    out.host.calls.clear()
    await out("new Promise((done) => setTimeout(done, 30))")
    assert await out("ran") == before
