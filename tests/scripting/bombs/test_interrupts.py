"""Interrupts at the worst moments: inside a host call, while a packet is under way, just when a script is done."""

from __future__ import annotations

import random

import pytest

from sojourn.scripting.errors import ScriptTimeout
from sojourn.scripting.runtime import Runtime
from sojourn.scripting.wire import PART
from tests.scripting.conftest import Running

pytestmark = pytest.mark.anyio

#: Rounds in every run of the tests, and in the soak.
ROUNDS = [12, pytest.param(150, marks=pytest.mark.soak)]


@pytest.fixture
def calling(js: Running) -> Running:
    """A scope in which ``call(x)`` asks the host and gets back what it was asked with."""
    js.host.functions["Modules.load"] = lambda name, _: {"uri": f"ufs:/{name}", "kind": "json", "source": '"answer"'}
    js.host.functions["Session.login"] = lambda *args: args[0]
    return js


async def _in_step(js: Running) -> None:
    """Every answer belongs to its question, and the global scope is the one that it was."""
    assert js.worker.alive
    mark = random.randrange(10**9)
    assert await js(f"[session.login({mark}), session.login('{mark}'), keep]") == [mark, str(mark), 5]


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_an_interrupt_inside_host_calls_leaves_worker_and_server_in_step(calling: Running, rounds: int) -> None:
    await calling("let keep = 5")
    for _ in range(rounds):
        with pytest.raises(ScriptTimeout):
            await calling("for (let i = 0; ; i++) session.login(i)", wall=random.randrange(10, 60))
        await _in_step(calling)


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_an_interrupt_inside_a_message_of_many_packets_leaves_no_half_of_it(
    calling: Running, rounds: int
) -> None:
    await calling("let keep = 5; const large = 'x€\\n'.repeat(100_000)")
    for _ in range(rounds):
        with pytest.raises(ScriptTimeout):
            await calling("for (let i = 0; ; i++) session.login(large + i)", wall=random.randrange(10, 60))
        await _in_step(calling)


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_a_script_that_ends_with_its_time_has_ended_or_was_interrupted(calling: Running, rounds: int) -> None:
    await calling(
        "let keep = 5; const busy = (ms) => { const end = Date.now() + ms; while (Date.now() < end); return ms }"
    )
    for _ in range(rounds):
        wall = random.randrange(40, 80)
        busy = wall + random.randrange(-30, 10)
        try:
            assert await calling(f"busy({busy})", wall=wall) == busy
        except ScriptTimeout:
            assert busy > wall - 60
        await _in_step(calling)


async def test_text_of_any_length_around_the_limits_of_packets_comes_back(calling: Running) -> None:
    for length in (PART // 3 - 40, PART // 3, PART - 60, PART - 1, PART, PART + 1, 2 * PART, 3 * PART - 7):
        for text in ("a", "\n", "é", "€", "😀"):
            value = (text * length)[: length // (2 if text == "😀" else 1)]
            assert (
                await calling(f"session.login({text!r}.repeat({len(value)})).length")
                == len(value.encode("utf-16-le")) // 2
            )
            assert calling.host.calls[-1] == ("Session.login", [value])


async def test_a_worker_takes_what_the_host_gives_in_many_packets(calling: Running, runtime: Runtime) -> None:
    value = "1\n€😀\x00" * 40_000
    calling.host.functions["Session.login"] = lambda *_: value
    assert await calling("session.login(1)") == value, runtime.name
