"""What each runtime does when a script goes beyond its limits, is called off, or takes its process along."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from sojourn.scripting.errors import (
    EnvironmentLost,
    ScriptFailed,
    ScriptOutOfMemory,
    ScriptOutputTooLarge,
    ScriptTimeout,
)
from sojourn.scripting.runtime import Function, Limits, Runtime, Script
from tests.patience import elapsing
from tests.scripting.conftest import LIMITS, Answering, Running

pytestmark = pytest.mark.anyio

#: CPU of a script that goes on for ever, in milliseconds.
SHORT = 100


@pytest.mark.parametrize(
    "loop",
    [
        "for (;;);",
        "for (;;) { try { for (;;); } catch { } finally { for (;;); } }",
        "while (true) call();",
        "/^(a+)+$/.test('a'.repeat(40) + 'b')",
        "(async () => { for (;;) await 1 })()",
        "new Promise(() => { setInterval(() => { const end = Date.now() + 20; while (Date.now() < end); }, 0) })",
    ],
)
async def test_a_script_that_uses_too_much_cpu_is_ended_and_its_scope_lives_on(js: Running, loop: str) -> None:
    js.host.functions["Modules.load"] = lambda *_: {"uri": "ufs:/m.json", "kind": "json", "source": "1"}
    await js("let keep = 5; const call = () => require('./' + Math.random())")
    with pytest.raises(ScriptTimeout):
        await js(loop, cpu=SHORT, wall=20_000)
    if js.worker.alive:
        assert await js("keep") == 5


async def test_host_calls_and_waiting_use_no_cpu(js: Running) -> None:
    async def slow(*_: object) -> dict[str, str]:
        await asyncio.sleep(0.05)
        return {"uri": f"ufs:/{time.monotonic()}", "kind": "json", "source": "1"}

    js.host.functions["Modules.load"] = slow
    code = "for (let i = 0; i < 8; i++) require('./' + i); new Promise((done) => setTimeout(done, 200, 'done'))"
    assert await js(code, cpu=300) == "done"


@pytest.mark.parametrize(
    "code", ["new Promise((done) => setTimeout(done, 60_000))", "require('./x')", "setInterval(() => {}, 5); 1"]
)
async def test_the_time_of_a_script_is_limited_while_it_waits(js: Running, code: str) -> None:
    js.host.functions["Modules.load"] = lambda *_: asyncio.sleep(60)
    await js("let keep = 5")
    with pytest.raises(ScriptTimeout, match="longer than 150 ms"):
        await js(code, wall=150)
    if js.worker.alive:
        assert await js("keep") == 5


async def test_who_cancels_an_execution_ends_its_script(js: Running) -> None:
    started = asyncio.Event()

    async def load(*_: object) -> dict[str, str]:
        started.set()
        return {"uri": "ufs:/m.json", "kind": "json", "source": "1"}

    js.host.functions["Modules.load"] = load
    running = asyncio.create_task(js("require('./m.json'); for (;;);"))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    if js.worker.alive:
        assert await js("1 + 1") == 2


async def test_a_script_whose_host_call_is_cancelled_gets_no_further(js: Running) -> None:
    started = asyncio.Event()

    async def load(*_: object) -> None:
        started.set()
        await asyncio.sleep(60)

    js.host.functions["Modules.load"] = load
    running = asyncio.create_task(js("try { require('./m.json') } catch {} finally { require('./second') }"))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [args[0] for _, args in js.host.calls] == ["./m.json"]


async def test_memory_is_limited(js: Running) -> None:
    await js("let keep = 5; var held = []")
    with pytest.raises((ScriptOutOfMemory, EnvironmentLost, ScriptFailed)) as caught:
        await js("for (;;) held.push(new Array(1000).fill(1.5))", memory=32 << 20)
    assert isinstance(caught.value, ScriptOutOfMemory | EnvironmentLost)
    if js.worker.alive:
        assert await js("held = null; keep", memory=32 << 20) == 5


async def test_array_buffers_count_as_memory(js: Running) -> None:
    with pytest.raises((ScriptOutOfMemory, EnvironmentLost, ScriptFailed)) as caught:
        await js("const held = []; for (let i = 0; i < 100; i++) held.push(new Uint8Array(5e7).fill(1))")
    assert not isinstance(caught.value, ScriptTimeout)


async def test_deep_recursion_is_an_error_that_a_script_can_catch(js: Running) -> None:
    js.host.functions["Modules.load"] = lambda *_: {"uri": "ufs:/m.json", "kind": "json", "source": "1"}
    code = """
      let n = 0;
      function down() { n++; require('./' + n); down() }
      let found;
      try { down() } catch (e) { found = [e instanceof Error, e.constructor.constructor('return typeof process')()] }
      found
    """
    assert await js(code) == [True, "undefined"]


async def test_what_a_script_hands_over_is_limited(js: Running) -> None:
    with pytest.raises(ScriptFailed, match="larger than 1000 bytes"):
        await js("'x'.repeat(2000)", message=1000)
    with pytest.raises(ScriptFailed, match="larger than 1000 bytes"):
        await js("new Uint8Array(2000)", message=1000)
    with pytest.raises(ScriptFailed, match="larger than 1000 bytes"):
        await js("require('x'.repeat(2000))", message=1000)
    assert js.host.calls == []
    assert await js("'x'.repeat(2_000_000).length") == 2_000_000
    assert len(await js("'é'.repeat(2_000_000)")) == 2_000_000  # type: ignore[arg-type]


async def test_a_large_value_goes_both_ways(js: Running) -> None:
    text = "0123456789" * 300_000
    await js("var kept; function keep(v) { kept = v; return v.length }")
    assert await js.task(Function(name="keep", args=[text])) == len(text)
    assert await js("kept") == text


async def test_the_number_of_host_calls_is_limited(js: Running) -> None:
    js.host.functions["Modules.load"] = lambda *_: {"uri": "ufs:/m.json", "kind": "json", "source": "1"}
    with pytest.raises(ScriptOutputTooLarge, match="more than 20 host calls"):
        await js("for (let i = 0; ; i++) require('./' + i)", calls=20)
    assert len(js.host.calls) == 20


async def test_the_answer_of_the_host_is_limited(js: Running) -> None:
    js.host.functions["Modules.load"] = lambda *_: {"uri": "u", "kind": "json", "source": "x" * 3_000_000}
    with pytest.raises(ScriptFailed, match="larger than 1000 bytes"):
        await js("require('x')", message=1000)


async def test_a_reset_leaves_nothing_of_the_old_scope(js: Running) -> None:
    await js(
        """
        globalThis.trace = 1; let hidden = 2; Array.prototype.map = () => 'patched';
        Object.prototype.polluted = 1; JSON.parse = JSON.stringify = () => 'patched'; Symbol.for('x').trace = 1;
        Promise.resolve().then(function again() { globalThis.trace++; });
        setTimeout(() => { globalThis.trace++ }, 1);
        Promise.prototype.then = () => { throw new Error('patched') };
        1
        """
    )
    await js.worker.reset()
    code = (
        "[typeof trace, typeof hidden, [1].map((x) => x), ({}).polluted, JSON.stringify({ a: 1 }), JSON.parse('[2]')]"
    )
    assert (await js(code))[:3] == ["undefined", "undefined", [1]]  # type: ignore[index]
    assert (await js(code))[4:] == ['{"a":1}', [2]]  # type: ignore[index]
    assert await js("new Promise((done) => setTimeout(done, 10, typeof trace))") == "undefined"


async def test_a_worker_says_whether_its_scope_is_fresh(js: Running) -> None:
    found = [js.worker.clean]
    await js("1")
    found.append(js.worker.clean)
    await js.worker.reset()
    found.append(js.worker.clean)
    assert found == [True, False, True]


async def test_the_death_of_a_worker_is_its_own(runtime: Runtime, js: Running) -> None:
    doomed = await runtime.open(LIMITS)
    await js("let keep = 5")
    running = asyncio.create_task(doomed.run(Script(code="for (;;);", file="ufs:/x.js"), Answering(), LIMITS))
    await asyncio.sleep(0.05)
    os.kill(doomed.pid, signal.SIGKILL)
    with pytest.raises(EnvironmentLost) as caught:
        await running
    assert caught.value.reason == "killed"
    assert not doomed.alive
    with pytest.raises(EnvironmentLost):
        await doomed.run(Script(code="1", file="ufs:/x.js"), Answering(), LIMITS)
    assert await js("keep") == 5
    await doomed.close()


async def test_what_cannot_be_interrupted_is_killed(runtime: Runtime) -> None:
    worker = await runtime.open(LIMITS)
    code = "for (;;) new Array(4294967295).join('x')"
    async with elapsing() as elapsed:
        with pytest.raises((EnvironmentLost, ScriptFailed)):
            await worker.run(Script(code=code, file="ufs:/x.js"), Answering(), Limits(cpu=500, wall=700))
    assert elapsed.seconds < 20
    await worker.close()
    assert not worker.alive


async def test_a_closed_worker_is_gone(runtime: Runtime) -> None:
    worker = await runtime.open(LIMITS)
    pid = worker.pid
    await worker.close()
    await worker.close()
    assert not worker.alive
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_numbers_of_chance_differ_between_scopes_and_after_a_reset(runtime: Runtime, js: Running) -> None:
    code = "Array.from({ length: 50 }, Math.random)"
    others = [await runtime.open(LIMITS) for _ in range(3)]
    seen: list[float] = []
    for worker in (js.worker, *others, js.worker):
        seen += await worker.run(Script(code=code, file="ufs:/x.js"), Answering(), LIMITS)  # type: ignore[arg-type]
    await js.worker.reset()
    seen += await js(code)  # type: ignore[arg-type]
    assert len(set(seen)) == len(seen) == 300
    assert all(0 <= one < 1 for one in seen)
    assert 0.4 < sum(seen) / 300 < 0.6
    for worker in others:
        await worker.close()
