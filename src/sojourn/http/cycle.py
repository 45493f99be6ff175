"""One request and its answer on a connection of our own server.

uvicorn's cycle, and one event more: ``sojourn.whole`` carries a whole answer whose header lines are rendered already, so
that it leaves in one write. The server offers it as an extension of the ASGI scope; other servers get the usual events.
"""

from __future__ import annotations

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from sojourn.http.wire import WHOLE

_CLOSE = b"connection: close\r\n"


class Cycle(RequestResponseCycle):
    """One request with its answer."""

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
