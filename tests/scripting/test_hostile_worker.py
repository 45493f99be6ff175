"""A worker that sends what no worker of ours sends: the server loses that worker and nothing else."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest

from sojourn.scripting.errors import EnvironmentLost, ScriptFailed, ScriptTimeout
from sojourn.scripting.process import Handle, WorkerProcess
from sojourn.scripting.runtime import Limits, Script
from sojourn.scripting.values import Value
from sojourn.scripting.wire import pair

pytestmark = pytest.mark.anyio

LIMITS = Limits(wall=5_000, message=10_000, calls=50)
TASK = Script(code="1", file="ufs:/x.js")


class Counting:
    """A host that notes what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Sequence[Value]]] = []

    async def call(self, function: str, args: Sequence[Value]) -> Value:
        self.calls.append((function, args))
        return len(self.calls)


class Impostor:
    """The other end of the socket of a worker."""

    def __init__(self) -> None:
        ours, self.end = pair()
        self.end.setblocking(False)
        self.killed = 0
        handle = Handle(4_000_000, self._kill)
        self._ended = handle.ended
        self.worker = WorkerProcess(ours, handle, LIMITS)
        self.host = Counting()

    def _kill(self) -> None:
        self.killed += 1
        if not self._ended.done():
            self._ended.set_result("killed")

    async def receive(self) -> Any:
        """The next message of the server."""
        packet = await asyncio.get_running_loop().sock_recv(self.end, 65536)
        return json.loads(packet.partition(b" ")[2])

    async def raw(self, *packets: bytes) -> None:
        for packet in packets:
            await asyncio.get_running_loop().sock_sendall(self.end, packet)

    async def say(self, message: Any) -> None:
        await self.raw(b"31 " + (message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\n")

    async def against(self, act: Callable[[Impostor], Awaitable[None]], limits: Limits = LIMITS) -> Value:
        """The outcome of a task while the impostor does what ``act`` says."""
        acting = asyncio.ensure_future(self._acted(act))
        try:
            return await self.worker.run(TASK, self.host, limits)
        finally:
            acting.cancel()
            await asyncio.gather(acting, return_exceptions=True)

    async def _acted(self, act: Callable[[Impostor], Awaitable[None]]) -> None:
        await self.receive()
        await act(self)


@pytest.fixture
async def impostor() -> AsyncIterator[Impostor]:
    made = Impostor()
    yield made
    await made.worker.close()
    made.end.close()


BROKEN: list[bytes] = [
    b"",
    b" ",
    b"\n",
    b"31 {}",
    b"x1 {}\n",
    b"3 {}\n",
    b"3" + b"1" * 40 + b" {}\n",
    b"21 {}\n",
    b"01 {}\n",
    b"31 \n",
    b"31 null\n",
    b"31 []\n",
    b"31 {}\n",
    b'31 {"op":"run"}\n',
    b'31 {"op":"reset"}\n',
    b'31 {"op":"call"}\n',
    b'31 {"op":"call","q":0,"n":"Session.login","a":[]}\n',
    b'31 {"op":"call","q":-1,"n":"Session.login","a":[]}\n',
    b'31 {"op":"call","q":1.5,"n":"Session.login","a":[]}\n',
    b'31 {"op":"call","q":"1","n":"Session.login","a":[]}\n',
    b'31 {"op":"call","q":9007199254740993,"n":"Session.login","a":[]}\n',
    b'31 {"op":"call","q":1,"n":1,"a":[]}\n',
    b'31 {"op":"call","q":1,"n":"' + b"x" * 300 + b'","a":[]}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":{}}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":[{"$":["bytes","!"]}]}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":[{"$":["bigint","1e5"]}]}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":[{"$":["bigint","' + b"9" * 5000 + b'"]}]}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":[{"$":["number","one"]}]}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":[{"$":["date","now"]}]}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":[{"$":["python","os.system"]}]}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":[{"$":{}}]}\n',
    b'31 {"op":"call","q":1,"n":"Session.login","a":[' + b"[" * 5000 + b"]" * 5000 + b"]}\n",
    b'31 {"op":"done","v":' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}\n",
    b'31 {"op":"done","v":\xff}\n',
    b'31 {"op":"done","v":"\\ud800"}\n',
    b'31 {"op":"done","v":1}{"op":"done","v":2}\n',
    b'31 {"op":"done","e":"text"}\n',
    b'31 {"op":"done","e":{"name":"A","message":"b","kind":"other"}}\n',
    b'31 {"op":"done","e":{"name":{},"message":"b"}}\n',
]


@pytest.mark.parametrize("packet", BROKEN, ids=lambda packet: repr(packet[:60]))
async def test_a_malformed_packet_ends_the_worker(impostor: Impostor, packet: bytes) -> None:
    with pytest.raises(EnvironmentLost) as caught:
        await impostor.against(lambda one: one.raw(packet))
    # An empty packet is how a socket says that its other end is gone.
    assert caught.value.reason == ("protocol" if packet else "killed")
    assert impostor.killed
    assert impostor.host.calls == []
    assert not impostor.worker.alive


async def test_any_bytes_do_no_harm() -> None:
    chance = random.Random(5)
    whole = b'31 {"op":"call","q":1,"n":"A.b","a":[{"$":["bytes","AA=="]},[1,{"a":null}]]}\n'
    for _ in range(150):
        packet = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(packet))
            packet[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))

        async def act(one: Impostor, packet: bytes = bytes(packet)) -> None:
            await one.raw(packet)
            one.end.close()

        impostor = Impostor()
        with pytest.raises(EnvironmentLost):
            await impostor.against(act)
        assert len(impostor.host.calls) <= 1


async def test_a_call_is_answered_once_and_in_turn(impostor: Impostor) -> None:
    async def act(one: Impostor) -> None:
        await one.say({"op": "call", "q": 7, "n": "A.b", "a": []})
        assert await one.receive() == {"q": 7, "v": 1}
        await one.say({"op": "call", "q": 7, "n": "A.b", "a": []})

    with pytest.raises(EnvironmentLost, match="lost"):
        await impostor.against(act)
    assert len(impostor.host.calls) == 1


async def test_nothing_is_answered_outside_of_a_run(impostor: Impostor) -> None:
    async def act(one: Impostor) -> None:
        await one.say({"op": "done", "v": 5})
        await one.say({"op": "call", "q": 1, "n": "A.b", "a": []})

    assert await impostor.against(act) == 5
    await asyncio.sleep(0.02)
    with pytest.raises(EnvironmentLost):
        await impostor.worker.run(TASK, impostor.host, LIMITS)
    assert impostor.host.calls == []
    assert impostor.killed


async def test_what_is_said_before_the_first_run_is_not_heard(impostor: Impostor) -> None:
    await impostor.say({"op": "done", "v": "forged"})
    with pytest.raises(EnvironmentLost):
        await impostor.worker.run(TASK, impostor.host, LIMITS)


async def test_a_message_without_end_is_cut_off(impostor: Impostor) -> None:
    async def act(one: Impostor) -> None:
        await one.raw(b"11 " + b"[" * 60_000 + b"\n")
        while True:
            await one.raw(b"01 " + b"[" * 60_000 + b"\n")

    with pytest.raises(EnvironmentLost) as caught:
        await impostor.against(act)
    assert caught.value.reason == "protocol"


async def test_calls_without_end_are_cut_off(impostor: Impostor) -> None:
    async def act(one: Impostor) -> None:
        for number in range(1, 1000):
            await one.say({"op": "call", "q": number, "n": "A.b", "a": []})
            await one.receive()

    with pytest.raises((EnvironmentLost, ScriptFailed)):
        await impostor.against(act)
    assert len(impostor.host.calls) == LIMITS.calls


async def test_a_worker_that_does_not_stop_is_killed(impostor: Impostor) -> None:
    async def act(one: Impostor) -> None:
        while True:
            await one.receive()

    with pytest.raises(EnvironmentLost) as caught:
        await impostor.against(act, Limits(wall=50))
    assert caught.value.reason == "hung"
    assert impostor.killed


async def test_a_worker_that_calls_on_after_its_end_is_not_served(impostor: Impostor) -> None:
    async def act(one: Impostor) -> None:
        assert await one.receive() == {"op": "abort"}
        for number in range(1, 20):
            await one.say({"op": "call", "q": number, "n": "A.b", "a": []})
        await one.say({"op": "done", "v": 1})

    with pytest.raises(ScriptTimeout):
        await impostor.against(act, Limits(wall=50))
    assert impostor.host.calls == []
    assert impostor.worker.alive


async def test_a_reset_is_believed_only_when_it_is_said(impostor: Impostor) -> None:
    async def act() -> None:
        await impostor.receive()
        await impostor.say({"op": "done", "v": 1})

    acting = asyncio.create_task(act())
    with pytest.raises(EnvironmentLost) as caught:
        await impostor.worker.reset()
    assert caught.value.reason == "protocol"
    await acting


async def test_parts_that_are_empty_pile_up_nowhere(impostor: Impostor) -> None:
    async def endless(other: Impostor) -> None:
        await other.raw(b"11 \n")
        while True:
            await other.raw(b"01 \n")

    with pytest.raises(EnvironmentLost) as lost:
        await impostor.against(endless)
    assert lost.value.reason == "protocol"
