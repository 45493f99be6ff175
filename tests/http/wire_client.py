"""A client that speaks raw ASGI: duplicate headers, odd octets, streamed bodies, a client that leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from sojourn.http.wire import AsgiApp, Event, Header

Pair = tuple[str, str]


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Sequence[Header]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for known, value in self.headers if known == name.encode()]

    def header(self, name: str) -> str:
        """The one value of ``name``; empty when it is absent."""
        values = self.all(name)
        assert len(values) < 2, values
        return values[0] if values else ""

    @property
    def cookies(self) -> list[str]:
        return [
            cookie for cookie in self.all("set-cookie") if "sojourn_dev." not in cookie and "_admin_dev=" not in cookie
        ]

    @property
    def device_cookie(self) -> Pair:
        """The device cookie that was set, as a browser sends it back."""
        (text,) = [cookie for cookie in self.all("set-cookie") if "sojourn_dev." in cookie]
        return ("cookie", text.partition(";")[0])


def cookie_of(answer: Answer) -> Pair:
    """The one cookie that was set, as a browser sends it back."""
    (text,) = answer.cookies
    return ("cookie", text.partition(";")[0])


class NoAnswer(Exception):
    """The application ended without an answer."""


class Client:
    """One client at one address; nothing is remembered between requests."""

    def __init__(
        self,
        app: AsgiApp,
        *,
        host: str = "127.0.0.1:8420",
        scheme: str = "http",
        server: tuple[str, int] = ("127.0.0.1", 8420),
        peer: str = "127.0.0.1",
    ) -> None:
        self._app = app
        self._host = host
        self._socket = {"scheme": scheme, "server": server, "client": (peer, 50_000)}

    async def get(self, path: str, *headers: Pair) -> Answer:
        return await self.request("GET", path, *headers)

    async def post(self, path: str, *headers: Pair, value: Any = None) -> Answer:
        """POST ``value`` as JSON, or nothing."""
        if value is None:
            return await self.request("POST", path, *headers)
        return await self.request("POST", path, ("content-type", "application/json"), *headers, body=json.dumps(value))

    async def request(
        self,
        method: str,
        path: str,
        *headers: Pair,
        body: str | bytes = b"",
        chunks: Sequence[bytes] | None = None,
        leaves: bool = False,
    ) -> Answer:
        """Any request. ``chunks`` streams the body without its length; ``leaves``: the client goes before its end."""
        raw = body.encode() if isinstance(body, str) else body
        pairs = list(headers)
        if not any(name == "host" for name, _ in pairs):
            pairs.insert(0, ("host", self._host))
        if raw and not any(name == "content-length" for name, _ in pairs):
            pairs.append(("content-length", str(len(raw))))
        if chunks is not None:
            pairs.append(("transfer-encoding", "chunked"))
        plain, _, query = path.partition("?")
        scope = {
            **self._socket,
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "path": unquote(plain),
            "raw_path": plain.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        }
        return await _run(self._app, scope, [raw] if chunks is None else list(chunks), leaves=leaves)


async def _run(app: AsgiApp, scope: dict[str, Any], parts: list[bytes], *, leaves: bool) -> Answer:
    events: list[Event] = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if leaves:
        events.append({"type": "http.disconnect"})
    else:
        events[-1]["more_body"] = False
    sent: list[Event] = []

    async def receive() -> Event:
        return events.pop(0) if events else {"type": "http.disconnect"}

    async def send(event: Event) -> None:
        sent.append(event)

    await app(scope, receive, send)
    if not sent:
        raise NoAnswer
    start, *rest = sent
    return Answer(start["status"], list(start["headers"]), b"".join(event.get("body", b"") for event in rest))
