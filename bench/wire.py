"""HTTP/1.1 by hand: requests as bytes that are prepared once, replies cut out of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

#: What every browser of today adds to a request of our own page; without it a cookie opens a session only for reading.
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}

_NO_BODY = frozenset({204, 304})


class Reply(NamedTuple):
    """One complete reply at the start of a buffer."""

    status: int
    #: How many bytes of the buffer it takes.
    size: int
    #: Whether the server closes the connection after it.
    closes: bool


def request(
    port: int, method: str, path: str, *, headers: Mapping[str, str] | None = None, json: object = None
) -> bytes:
    """A keep-alive request to a server of this machine as it goes over the wire; ``json`` is its body."""
    body = b"" if json is None else msgspec.json.encode(json)
    fields = {"Host": f"127.0.0.1:{port}", **(headers or {})}
    if json is not None:
        fields["Content-Type"] = "application/json"
    if body or method not in {"GET", "HEAD"}:
        fields["Content-Length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def take_reply(data: bytes) -> Reply | None:
    """The reply that ``data`` begins with, or None when it is not complete yet."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = data[:end].lower()
    status = int(head[9:12])
    size = end + 4 if status in _NO_BODY else _body_end(data, head, end + 4)
    if size < 0 or size > len(data):
        return None
    return Reply(status, size, b"\r\nconnection: close" in head)


def _body_end(data: bytes, head: bytes, start: int) -> int:
    """Where the body that begins at ``start`` ends; -1 when that cannot be said yet."""
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        return start + int(head[at + 17 :].split(b"\r", 1)[0])
    if b"\r\ntransfer-encoding: chunked" in head:
        return _chunks_end(data, start)
    raise ValueError("a reply with neither length nor chunks cannot be kept alive")


def _chunks_end(data: bytes, at: int) -> int:
    """Where the chunked body that begins at ``at`` ends; -1 when its last chunk is not there."""
    while True:
        line = data.find(b"\r\n", at)
        if line < 0:
            return -1
        size = int(data[at:line].split(b";", 1)[0], 16)
        at = line + 2 + size + 2
        if size == 0:
            return at
        if at > len(data):
            return -1
