"""Scripts that eat time or memory: each ends with a named error in bounded time, while another environment answers."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple, Self

import pytest

from sojourn.scripting.errors import EnvironmentLost, ScriptFailed
from sojourn.scripting.runtime import Limits, Runtime, Script, Worker
from tests.patience import HANGS
from tests.scripting.conftest import LIMITS, Answering, Running

pytestmark = pytest.mark.anyio

#: A bomb's limits. The time that it takes to see the end of a process comes on top.
CPU, WALL, MEMORY = 150, 1_200, 32 << 20
TIGHT = Limits(cpu=CPU, wall=WALL, memory=MEMORY, message=1 << 20)
#: How long a bomb may take at most until its caller knows, in seconds; a machine that is busy with other tests is slow.

TIMEOUT = "ScriptTimeout"
MEMORY_OUT = "ScriptOutOfMemory"
OUTPUT = "ScriptOutputTooLarge"
FAILED = "ScriptFailed"
LOST = "EnvironmentLost"
#: What uses up memory ends so, or by its time when the machine is slow.
EATS_MEMORY = {MEMORY_OUT, LOST, TIMEOUT, FAILED}


class Bomb(NamedTuple):
    name: str
    code: str
    #: What can become of it; empty: it is harmless and gives a value.
    ends: set[str]


#: Every case of the table of failures that the runtimes were chosen by.
MEASURED = [
    Bomb("endless loop", "while (1) {}", {TIMEOUT}),
    Bomb("endless loop in try", "for (;;) { try { while (1) {} } catch {} }", {TIMEOUT}),
    Bomb("endless host calls", "while (1) session_userKey()", {TIMEOUT}),
    Bomb("endless host calls in try", "while (1) { try { session_userKey() } catch {} }", {TIMEOUT}),
    Bomb("arrays forever", "const a = []; while (1) a.push(new Array(1e6))", EATS_MEMORY),
    Bomb("objects forever", "const a = []; while (1) a.push({ a: [{}] })", EATS_MEMORY),
    Bomb("one large array", "new Array(5e7).fill(1.5).length", EATS_MEMORY),
    Bomb("buffers", "const a = []; for (let i = 0; i < 60; i++) a.push(new Uint8Array(5e7).fill(1))", EATS_MEMORY),
    Bomb("deep recursion", "(function f() { f() })()", {FAILED}),
    Bomb("deep recursion with host calls", "(function f() { session_userKey(); f() })()", {FAILED, TIMEOUT}),
    Bomb("regular expression", "/^(a+)+$/.test('a'.repeat(40) + '!')", {TIMEOUT}),
    Bomb("uninterruptible join", "new Array(4294967295).join('x').length", {LOST, TIMEOUT, *EATS_MEMORY}),
]

#: Ours.
OWN = [
    Bomb("endless promise jobs", "(function f() { return Promise.resolve().then(f) })()", {TIMEOUT}),
    Bomb("promise jobs behind a value", "(function f() { Promise.resolve().then(f) })(); 1", {TIMEOUT}),
    Bomb("endless async function", "(async () => { for (;;) await null })()", {TIMEOUT}),
    Bomb("endless interval", "setInterval(() => {}, 1)", {TIMEOUT}),
    Bomb("timer that starts a timer", "(function f() { setTimeout(f, 0) })()", {TIMEOUT}),
    Bomb("very late timer", "new Promise((done) => setTimeout(done, 2147483647))", {TIMEOUT}),
    Bomb("timers without end", "for (;;) setTimeout(() => {}, 1000)", {FAILED}),
    Bomb("string that doubles", "let s = 'x'; for (;;) s += s", EATS_MEMORY),
    Bomb("huge padding", "'x'.padEnd(2 ** 29).split('').length", EATS_MEMORY),
    Bomb("huge replacement", "'x'.repeat(1e6).replace(/x/g, 'x'.repeat(1e4)).length", EATS_MEMORY),
    Bomb("huge power", "(2n ** (10n ** 9n)).toString().length", EATS_MEMORY),
    Bomb("growing map", "const m = new Map(); for (let i = 0; ; i++) m.set(i, { i })", EATS_MEMORY),
    Bomb("endless generator", "[...(function* () { for (;;) yield [1] })()]", EATS_MEMORY),
    Bomb("array of holes", "const a = []; a[4294967294] = 1; a.sort().indexOf(2)", EATS_MEMORY),
    Bomb("array from a length", "Array.from({ length: 4294967295 }).length", EATS_MEMORY),
    Bomb("comparison that never ends", "[3, 2, 1].sort(() => { for (;;); })", {TIMEOUT}),
    Bomb("sort of a large view", "new Float64Array(1e6).map(Math.random).sort(() => 0.5 - Math.random())", EATS_MEMORY),
    Bomb("resizable buffer", "new ArrayBuffer(8, { maxByteLength: 2 ** 40 }).resize(2 ** 39)", EATS_MEMORY),
    Bomb("getter in the answer", "({ get a() { for (;;); } })", {TIMEOUT}),
    Bomb("toJSON without end", "const o = { toJSON() { return { o } } }; o", {FAILED, TIMEOUT}),
    Bomb("deep answer", "let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; o", {FAILED}),
    Bomb("circle in the answer", "const c = []; c[0] = c; c", {FAILED}),
    Bomb("large answer", "'x'.repeat(5e6)", {OUTPUT, FAILED}),
    Bomb("large answer of small parts", "new Array(1e6).fill('xxxxxxxx')", {OUTPUT, *EATS_MEMORY}),
    Bomb("large argument", "session_userKey('x'.repeat(5e6))", {OUTPUT, FAILED}),
    Bomb("error that never says", "throw { get message() { for (;;); }, get name() { for (;;); } }", {FAILED, TIMEOUT}),
    Bomb("error with a long message", "throw new Error('x'.repeat(2e6))", {FAILED}),
    Bomb(
        "thrown Proxy", "throw new Proxy(class {}, { get() { for (;;); }, ownKeys() { for (;;); } })", {FAILED, TIMEOUT}
    ),
    Bomb("deeply nested JSON", "JSON.parse('['.repeat(1e6))", {FAILED, TIMEOUT, *EATS_MEMORY}),
    Bomb("deeply nested code", "eval('('.repeat(1e5) + ')'.repeat(1e5))", {FAILED, TIMEOUT, *EATS_MEMORY}),
    Bomb(
        "nested eval",
        "let s = '1'; for (;;) { s = 'eval(' + JSON.stringify(s) + ')'; eval(s) }",
        {FAILED, *EATS_MEMORY},
    ),
    Bomb(
        "Proxy chain", "let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x", {"", FAILED, *EATS_MEMORY}
    ),
    Bomb("waiting for nobody", "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)", {FAILED, TIMEOUT}),
]

#: So cheap that they are part of every run of the tests; the rest is in the soak.
QUICK = {
    *(bomb.name for bomb in MEASURED),
    *("endless promise jobs", "endless async function", "timer that starts a timer", "string that doubles"),
    *("endless generator", "array of holes", "getter in the answer", "deep answer", "large answer", "large argument"),
    *("error that never says", "deeply nested JSON", "circle in the answer", "timers without end"),
    *("promise jobs behind a value", "huge power", "resizable buffer", "thrown Proxy", "nested eval"),
    "toJSON without end",
}

#: A name for the host call, as the bridge would make it for session.userKey: whatever is required goes to the host.
PRELUDE = "function session_userKey(more = '') { return require('key' + more) }"


def _case(bomb: Bomb) -> object:
    marks = () if bomb.name in QUICK else (pytest.mark.soak,)
    return pytest.param(bomb, id=bomb.name.replace(" ", "-"), marks=marks)


class Bystander:
    """Another environment, which runs one script after the other while a bomb goes off."""

    def __init__(self, worker: Worker) -> None:
        self._js = Running(worker)
        self._over = False
        self._task: asyncio.Task[None] | None = None
        self.slowest = 0.0
        self.answers = 0

    async def __aenter__(self) -> Self:
        await self._js("var mine = 0")
        self._task = asyncio.create_task(self._answer())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._over = True
        await self._task

    async def _answer(self) -> None:
        while not self._over:
            begun = time.monotonic()
            self.answers += 1
            assert await self._js("mine += 1") == self.answers
            self.slowest = max(self.slowest, time.monotonic() - begun)
            await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
async def bystander_kept(runtime: Runtime) -> AsyncIterator[Worker]:
    worker = await runtime.open(LIMITS)
    yield worker
    await worker.close()


@pytest.fixture(scope="module")
async def bombed(runtime: Runtime) -> AsyncIterator[list[Worker]]:
    """The worker that takes one bomb after the other, for as long as it lives."""
    kept: list[Worker] = []
    yield kept
    for worker in kept:
        await worker.close()


def _host() -> Answering:
    return Answering({"Modules.load": lambda *_: {"uri": "ufs:/key.json", "kind": "json", "source": "7"}})


async def _explode(worker: Worker, code: str) -> str:
    """The name of the error that a script ends with, empty when it gives a value."""
    try:
        await worker.run(Script(PRELUDE, "ufs:/prelude.js"), _host(), LIMITS)
        await worker.run(Script(code, "ufs:/bomb.js"), _host(), TIGHT)
    except (ScriptFailed, EnvironmentLost) as error:
        return type(error).__name__
    return ""


async def _ready(runtime: Runtime, kept: list[Worker]) -> Worker:
    """A worker with a fresh global scope."""
    if kept and kept[0].alive:
        try:
            await kept[0].reset()
        except EnvironmentLost:
            await kept[0].close()
        else:
            return kept[0]
    kept[:] = [await runtime.open(TIGHT)]
    return kept[0]


@pytest.mark.parametrize("bomb", [_case(bomb) for bomb in (*MEASURED, *OWN)])
async def test_a_bomb_ends_with_a_named_error(
    runtime: Runtime, bombed: list[Worker], bystander_kept: Worker, bomb: Bomb
) -> None:
    worker = await _ready(runtime, bombed)
    async with Bystander(bystander_kept), asyncio.timeout(HANGS):
        end = await _explode(worker, bomb.code)
    assert end in bomb.ends
    if worker.alive:
        # What it has left behind is gone with its global scope, and the next execution has all its time.
        await worker.reset()
        assert (
            await worker.run(Script("typeof a + typeof s + (1 + 1)", "ufs:/next.js"), _host(), LIMITS)
            == "undefinedundefined2"
        )


async def test_others_answer_while_bombs_go_off(runtime: Runtime, bombed: list[Worker], bystander_kept: Worker) -> None:
    async with Bystander(bystander_kept) as bystander:
        for bomb in (MEASURED[0], MEASURED[6], MEASURED[11]):
            await _explode(await _ready(runtime, bombed), bomb.code)
    assert bystander.answers >= 3
    assert bystander.slowest < 30


def _resident() -> int:
    """Memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) << 12


async def test_the_memory_of_the_engine_returns_to_its_level(runtime: Runtime, bombed: list[Worker]) -> None:
    worst = [
        bomb
        for bomb in (*MEASURED, *OWN)
        if bomb.name in ("one large array", "buffers", "large answer", "large argument")
    ]
    for bomb in worst:
        await _explode(await _ready(runtime, bombed), bomb.code)
    gc.collect()
    before, open_files, tasks = _resident(), len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())
    for bomb in worst * 2:
        await _explode(await _ready(runtime, bombed), bomb.code)
    gc.collect()
    assert _resident() - before < 8 << 20
    assert len(list(Path("/proc/self/fd").iterdir())) <= open_files + 2
    assert len(asyncio.all_tasks()) <= tasks + 2
