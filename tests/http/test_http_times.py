"""Clients that are too slow: nobody waits for them for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from sojourn.http import body, protocol
from sojourn.http.application import Application
from sojourn.http.errors import BodyTooSlow
from sojourn.http.protocol import Protocol
from sojourn.http.wire import Event, Receive, Scope, Send
from tests.patience import HANGS

pytestmark = pytest.mark.anyio

FAST = b"GET / HTTP/1.1\r\n\r\n"


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """A listener that looks after its connections every few milliseconds."""
    monkeypatch.setattr(protocol, "_LOOK_EVERY", 0.01)
    for limit in ("HEAD_PATIENCE", "KEEP_ALIVE"):
        monkeypatch.setattr(protocol, limit, 10 * HANGS)
    config, state = Config(hello, ws="none", lifespan="off", access_log=False, log_config=None), ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Protocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def closes(port: int, sent: bytes) -> bytes:
    """What the server says to ``sent`` before it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        async with asyncio.timeout(HANGS):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nX: y\r\n"])
async def test_a_connection_without_a_whole_head_is_closed(
    port: int, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_PATIENCE", 0.02)
    assert await closes(port, sent) == b""


async def test_a_connection_at_rest_is_closed_and_one_that_begins_again_is_not_waited_for(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "KEEP_ALIVE", 0.02)
    assert (await closes(port, FAST)).count(b"HTTP/1.1 200") == 1
    monkeypatch.setattr(protocol, "HEAD_PATIENCE", 0.02)
    monkeypatch.setattr(protocol, "KEEP_ALIVE", 10 * HANGS)
    assert (await closes(port, FAST + FAST[:5])).count(b"HTTP/1.1 200") == 1


async def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "PATIENCE", 0.01)

    async def never() -> Event:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(BodyTooSlow):
        await body.read_body(never, 100)


async def test_a_request_that_is_cancelled_while_draining_is_told_so(app: Application) -> None:
    sent: list[Event] = []
    waiting = asyncio.Event()

    async def never() -> Event:
        waiting.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(event: Event) -> None:
        sent.append(event)

    headers = [(b"host", b"127.0.0.1:8420"), (b"content-length", b"5"), (b"content-type", b"application/json")]
    where = {"server": ("127.0.0.1", 8420), "client": ("127.0.0.1", 1), "query_string": b"", "method": "POST"}
    scope = {"type": "http", "path": "/realms/acme/login", "headers": headers, **where}
    task = asyncio.create_task(app(scope, never, send))
    await waiting.wait()
    app.health.draining = True
    task.cancel()
    await task
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in sent[0]["headers"]
