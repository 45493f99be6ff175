"""uvicorn's HTTP/1 protocol, faster on the common path, and with what it leaves open closed.

Closed are endless and endlessly slow heads, trailers that become headers, upgrades, and error bodies that are no JSON.
One timer a connection looks after all its times, instead of one a response.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, parse_url
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sojourn.http.cycle import Cycle
from sojourn.http.wire import WHOLE

#: Most bytes of request line and headers together, give or take one read of the socket.
MAX_HEAD = 65_536

#: How long a head may take to arrive, in seconds, and how long a new connection may say nothing.
HEAD_PATIENCE = 30.0

#: How long a connection may rest between two requests, in seconds; longer than proxies keep theirs.
KEEP_ALIVE = 75.0

_LOOK_EVERY = 5.0
_EXTENSIONS: dict[str, dict[object, object]] = {WHOLE: {}}
_TOO_LARGE = b"431 Request Header Fields Too Large"
_BAD = b"400 Bad Request"


class Protocol(HttpToolsProtocol):
    """One connection."""

    _head_bytes = 0
    _in_head = False
    #: In a body: what brings no part of it is a trailer or an extension of a chunk, and counts as a head does.
    _in_body = False
    _got_body = False
    _answered = False
    _since = 0.0
    _look: asyncio.TimerHandle | None = None

    # --- the connection ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection begins; it has to say something."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._look = self.loop.call_later(_LOOK_EVERY, self._look_after)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and let no head grow for ever."""
        self._got_body = False
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self._refuse(_BAD, "Invalid HTTP request received.")
            return
        except HttpParserUpgrade:
            # The request is answered as it stands; what comes after it would be another protocol.
            self.cycle.keep_alive = False
        if self._in_head or self._in_body:
            self._head_bytes = 0 if self._got_body else self._head_bytes + len(data)
            if self._head_bytes > MAX_HEAD:
                self._refuse(_TOO_LARGE, "The request head is too large.")

    # --- what the parser finds ---

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        self._since = self.loop.time()
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self.scope = {  # type: ignore[typeddict-item]  # completed when the head is
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "root_path": "",
            "headers": self.headers,
            "extensions": _EXTENSIONS,
        }

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; a trailer is none."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._got_body = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._in_body = False
        self._head_bytes = 0
        super().on_message_complete()

    def on_headers_complete(self) -> None:
        """The head is complete: what comes now as a trailer is no header of the request."""
        self._in_head = self._answered = False
        self._in_body = True
        self._head_bytes = 0
        self._complete_scope(cast("dict[str, Any]", self.scope))
        before: RequestResponseCycle | None = self.cycle
        keep_alive = self.scope["http_version"] != "1.0" and self.parser.should_keep_alive()
        self.cycle = Cycle(self, self.on_response_complete, keep_alive=keep_alive)
        self.headers = []
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            # Pipelined: it waits for its turn, and the socket with it.
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_response_complete(self) -> None:
        """An answer is complete: the next request, or a rest."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._answered = True
        self._since = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            self._answered = False
            self._start_asgi_task(*self.pipeline.pop())

    # --- parts ---

    def _complete_scope(self, scope: dict[str, Any]) -> None:
        raw_path, query, authority = _target(self.url)
        if authority:
            # RFC 9112, 3.2.2: the host of an absolute target is the one that counts.
            self.headers[:] = [(b"host", authority), *(header for header in self.headers if header[0] != b"host")]
        path = raw_path.decode("ascii")
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["http_version"] = self.parser.get_http_version()
        scope["path"] = unquote(path) if "%" in path else path
        scope["raw_path"] = raw_path
        scope["query_string"] = query

    def _refuse(self, status: bytes, message: str) -> None:
        # While another answer is on its way, a second one in between would only confuse its reader.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            body = b'{"message":"%s","code":"request.malformed"}' % message.encode()
            head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            self.transport.write(head % (status, len(body)) + body)
        self.transport.close()

    def _look_after(self) -> None:
        """Close a connection that has been silent, or in the middle of a head, for too long."""
        waiting = self._in_head or self._answered or self.cycle is None
        patience = KEEP_ALIVE if self._answered and not self._in_head else HEAD_PATIENCE
        if waiting and self.loop.time() - self._since > patience:
            self.transport.close()
        else:
            self._look = self.loop.call_later(_LOOK_EVERY, self._look_after)

    def _unset_keepalive_if_required(self) -> None:
        """Nothing: there is no such timer."""


def _target(url: bytes) -> tuple[bytes, bytes, bytes]:
    """Path, query and authority of a request target, the last empty where it names none.

    Raises ``HttpParserError`` for what is no URL.
    """
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query, b""
    parsed = parse_url(url)
    authority = parsed.host or b""
    if authority and parsed.port:
        authority += b":%d" % parsed.port
    return parsed.path, parsed.query or b"", authority
