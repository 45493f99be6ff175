"""After a reset a scope is as one that was never used, whatever a script has done to the one before."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from sojourn.scripting.errors import ScriptFailed, ScriptOutOfMemory
from sojourn.scripting.ije.heap import MOST_REQUESTS
from sojourn.scripting.runtime import Runtime, Script
from tests.scripting.conftest import LIMITS, Answering, Running

pytestmark = pytest.mark.anyio

#: Every object that can be reached from the global one by properties and prototypes, with all that can be seen of it.
SEEN = """
(() => {
  const known = new Map([[globalThis, 'global']]), lines = [];
  const shown = (value, name) => {
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') return typeof value + String(value);
    if (!known.has(value)) { known.set(value, name); waiting.push(value); }
    return known.get(value);
  };
  const waiting = [globalThis];
  while (waiting.length > 0) {
    const thing = waiting.shift(), name = known.get(thing);
    lines.push(name + ' ' + shown(Object.getPrototypeOf(thing), name + '~') + ' ' + Object.isExtensible(thing));
    for (const key of Reflect.ownKeys(thing)) {
      // When the clock began to run; that is no matter of scripts.
      if (key === 'timeOrigin') continue;
      const at = name + '.' + String(key), { value, get, set, ...flags } = Object.getOwnPropertyDescriptor(thing, key);
      lines.push(at + JSON.stringify(flags) + ' ' + [value, get, set].map((one, i) => shown(one, at + i)).join(' '));
    }
  }
  return lines;
})()
"""

WRONGS = {
    "globals without number": "for (let i = 0; i < 5000; i++) globalThis['g' + i] = { i }; let a = 1; class B {} var c = 2;",
    "patched": """
        const each = (thing) => Reflect.ownKeys(thing).forEach((key) => { try { thing[key] = () => 'mine'; } catch {} });
        [Object, Array, String, Map, Promise, RegExp, Date, Error].forEach((one) => { each(one.prototype); each(one); });
    """,
    "deleted": "for (const key of Reflect.ownKeys(globalThis)) { try { delete globalThis[key]; } catch {} }",
    "frozen": "Object.freeze(Object.prototype); Object.freeze(globalThis); Object.setPrototypeOf(Array.prototype, null);",
    "held": """
        Symbol.for('mine').description; globalThis.held = new WeakMap([[session, request]]);
        new FinalizationRegistry(() => {}).register({}, 1); globalThis.weak = new WeakRef({});
        Promise.resolve().then(() => { globalThis.late = 1; }); setTimeout(() => { globalThis.later = 1; }, 1);
    """,
    "large": f"globalThis.all = []; for (let i = 0; i < {2 * MOST_REQUESTS}; i++) all.push('x'.repeat(2000) + i);",
    "thrown": "Object.prototype.polluted = 1; throw new Error('out');",
    "out of memory": "globalThis.all = []; for (;;) all.push(new Array(1000).fill(all));",
}

FAILURES = {"thrown": ScriptFailed, "out of memory": ScriptOutOfMemory}


@pytest.mark.parametrize("wrong", list(WRONGS))
async def test_a_scope_after_a_reset_is_as_one_that_was_never_used(js: Running, runtime: Runtime, wrong: str) -> None:
    if runtime.name == "v8" and wrong == "out of memory":
        pytest.skip("there the process is gone")
    before = await js(SEEN)
    await js.worker.reset()
    if wrong in FAILURES:
        with pytest.raises(FAILURES[wrong]):
            await js(WRONGS[wrong], memory=32 << 20)
    else:
        await js(WRONGS[wrong] + "\n;1")
    assert await js("1") == 1
    await js.worker.reset()
    assert await js(SEEN) == before
    assert await js("[1, 2].map((x) => x + 1).join()") == "2,3"


@pytest.mark.skipif(importlib.util.find_spec("_quickjs") is None, reason="it is about memory of that runtime")
async def test_many_resets_leave_no_memory_behind(runtime: Runtime) -> None:
    if runtime.name != "ije":
        pytest.skip("a process of v8 is replaced when it has grown")
    worker = await runtime.open(LIMITS)
    sizes = []
    for code in (
        "'x'.repeat(100000) + [...Array(2000).keys()]",
        "Array.from({length: 1100}, (_, i) => 'y'.repeat(2000) + i)",
    ):
        for _ in range(40):
            await worker.run(Script(code=f"globalThis.all = {code}; 1", file="ufs:/m.js"), Answering(), LIMITS)
            await worker.reset()
            sizes.append(_own_memory(worker.pid))
    await worker.close()
    assert sizes[39] - sizes[4] < 1 << 20
    assert sizes[79] - sizes[44] < 4 << 20


def _own_memory(pid: int) -> int:
    """Bytes of its own that a process has."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:"))
