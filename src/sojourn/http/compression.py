"""Answers with gzip: where a script asks for it, and in realms with ``httpCompressionEnabled``.

What the engine itself says at its own endpoints is never compressed: it is short, and it holds handles and tokens. How long
a compressed answer is tells something of what is in it, so a page of another site gets none that rests on a cookie.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable
from typing import Final

from sojourn.http.call import Call
from sojourn.http.crosssite import is_ours
from sojourn.http.replies import Reply
from sojourn.http.wire import Header

#: Bodies shorter than this become hardly shorter.
_LEAST: Final = 1_024
#: Bodies from this size on are compressed in a thread: on the event loop a millisecond is enough.
_IN_A_THREAD: Final = 32 << 10
_PIECE: Final = 256 << 10
_LEVEL: Final = 6
#: ``zlib``'s word for the format of gzip, without a time in its head.
_GZIP: Final = 31

_BODILESS: Final = frozenset({204, 205, 206, 304})
_TEXTS: Final = frozenset(
    {
        b"application/javascript",
        b"application/json",
        b"application/manifest+json",
        b"application/wasm",
        b"application/xml",
        b"application/x-ndjson",
        b"application/x-javascript",
        b"image/bmp",
        b"image/x-icon",
    }
)
_KIND_ENDINGS: Final = (b"+json", b"+xml")
_VARY: Header = (b"vary", b"accept-encoding")
_ENCODED: Header = (b"content-encoding", b"gzip")


async def compressed(call: Call, reply: Reply) -> Reply:
    """``reply`` with gzip where it shall be, and where the client takes that; else as it is."""
    if not reply.body or reply.status in _BODILESS or _has(reply, b"content-encoding"):
        return reply
    if not reply.pack and not _fit(call, reply):
        return reply
    varied = reply._replace(headers=(*reply.headers, _VARY))
    if not takes_gzip(call.head.all(b"accept-encoding")):
        return varied
    body = reply.body
    packed = _packed(body) if len(body) < _IN_A_THREAD else await asyncio.to_thread(_packed, body)
    if not reply.pack and len(packed) >= len(body):
        return varied
    return varied._replace(body=packed, headers=(*_weakened(varied.headers), _ENCODED))


def takes_gzip(values: Iterable[bytes]) -> bool:
    """Whether the client takes gzip, by its ``Accept-Encoding`` [RFC 9110 12.5.3]; without one it takes none."""
    weights = dict(_weights(values))
    return weights.get(b"gzip", weights.get(b"x-gzip", weights.get(b"*", 0.0))) > 0


def _weights(values: Iterable[bytes]) -> Iterable[tuple[bytes, float]]:
    for item in b",".join(values).lower().split(b","):
        coding, *parameters = [part.strip() for part in item.split(b";")]
        quality = next((part[2:] for part in parameters if part.startswith(b"q=")), b"1")
        try:
            yield coding, float(quality)
        except ValueError:
            # Who does not say how much gets what everybody understands.
            yield coding, 0.0


def _fit(call: Call, reply: Reply) -> bool:
    """Whether an answer is worth it, and gives nothing away."""
    if len(reply.body) < _LEAST or not _shrinks(reply):
        return False
    by_cookie = call.realm is not None and call.realm.cookies_authenticate and call.head.has(b"cookie")
    if by_cookie and not is_ours(call.head, call.arrival):
        return False
    return not any(name == b"cache-control" and b"no-transform" in value.lower() for name, value in reply.headers)


def _shrinks(reply: Reply) -> bool:
    kind = next((value for name, value in reply.headers if name == b"content-type"), b"")
    kind = kind.partition(b";")[0].strip().lower()
    return kind.startswith(b"text/") or kind in _TEXTS or kind.endswith(_KIND_ENDINGS)


def _has(reply: Reply, name: bytes) -> bool:
    return any(known == name for known, _ in reply.headers)


def _weakened(headers: Iterable[Header]) -> Iterable[Header]:
    """``headers`` with a weak ``ETag``: the bytes are others now [RFC 9110 8.8.1]."""
    for name, value in headers:
        strong = name == b"etag" and not value.startswith(b"W/")
        yield (name, b"W/" + value) if strong else (name, value)


def _packed(body: bytes) -> bytes:
    packer, view = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP), memoryview(body)
    pieces = [packer.compress(view[at : at + _PIECE]) for at in range(0, len(body), _PIECE)]
    return b"".join((*pieces, packer.flush()))
