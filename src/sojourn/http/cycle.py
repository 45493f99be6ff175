"""One request and its answer on a connection of our own server.

uvicorn's cycle, and one event more: ``sojourn.whole`` carries a whole answer whose header lines are rendered already, so
that it leaves in one write. The server offers it as an extension of the ASGI scope; other servers get the usual events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from sojourn.http.wire import WHOLE

_CLOSE = b"connection: close\r\n"


class Cycle(RequestResponseCycle):
    """One request with its answer; what uvicorn's constructor sets to a constant stands in the class."""

    access_log = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0

    def __init__(self, protocol: HttpToolsProtocol, on_response: Callable[[], None], *, keep_alive: bool) -> None:
        self.scope = protocol.scope
        self.transport = protocol.transport
        self.flow = protocol.flow
        self.logger = protocol.logger
        self.default_headers = protocol.server_state.default_headers
        self.message_event = asyncio.Event()
        self.on_response = on_response
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = protocol.expect_100_continue
        self.body = bytearray()

    async def send(self, message: Any) -> None:
        """Take an ASGI event, or a whole answer."""
        if message["type"] != WHOLE:
            await super().send(message)
            return
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        self._write(cast("dict[str, Any]", message))
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _write(self, message: dict[str, Any]) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        lines = [STATUS_LINE[message["status"]]]
        for name, value in self.default_headers:
            lines += (name, b": ", value, b"\r\n")
        if message["close"]:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(_CLOSE)
        lines += (message["head"], b"\r\n", message["body"])
        self.transport.write(b"".join(lines))
