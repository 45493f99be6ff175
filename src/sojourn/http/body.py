"""The request body, counted while it streams."""

from __future__ import annotations

from sojourn.core.errors import BadRequest
from sojourn.http.errors import BodyTooLarge, BodyTooSlow, ClientGone
from sojourn.http.wire import Head, Receive, Scope
from sojourn.pipelines.deadlines import Overdue, within

#: Most bytes of the body of a login or logout.
SMALL = 65_536

#: How long a body may take to arrive, in seconds.
PATIENCE = 60.0

#: How much of a body that is too large is still read, so that a client which only sends can see the answer.
_SWALLOW = 16 * 1024 * 1024
_MAX_DIGITS = 18
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


def has_body(scope: Scope, head: Head) -> bool:
    """Whether the request may have a body; HTTP/1 says so in its headers."""
    return head.has_any(_FRAMING) or scope.get("http_version", "1.1")[0] != "1"


async def check_announced(receive: Receive, head: Head, most: int) -> None:
    """Refuse a body whose announced length is above ``most`` bytes, before anything else is looked at.

    Raises ``BodyTooLarge``, and ``BadRequest`` when the length is no number. A client that does not wait for our word
    is let finish, else it would never see the answer.
    """
    if announced(head) <= most:
        return
    if announced(head) <= most + _SWALLOW and not head.has(b"expect"):
        await read_body(receive, most)
    raise BodyTooLarge


def announced(head: Head) -> int:
    """The length that the headers announce, in bytes; 0 when they announce none."""
    if not head.has(b"content-length"):
        return 0
    text = head.get(b"content-length")
    if text is None or not text.isdigit() or len(text) > _MAX_DIGITS:
        raise BadRequest("Content-Length is not a number")
    return int(text)


async def read_body(receive: Receive, most: int) -> bytes:
    """The whole body of at most ``most`` bytes.

    Raises ``BodyTooLarge``, ``BodyTooSlow``, and ``ClientGone`` when the client leaves before the end.
    """
    try:
        return await within(PATIENCE, _read(receive, most))
    except Overdue:
        raise BodyTooSlow from None


async def _read(receive: Receive, most: int) -> bytes:
    event = await receive()
    if event["type"] == "http.request" and not event.get("more_body", False):
        whole: bytes = event.get("body", b"")
        if len(whole) > most:
            raise BodyTooLarge
        return whole
    parts, size = [], 0
    while event["type"] == "http.request":
        part = event.get("body", b"")
        size += len(part)
        if size <= most:
            parts.append(part)
        if not event.get("more_body", False) or size > most + _SWALLOW:
            break
        event = await receive()
    else:
        raise ClientGone
    if size > most:
        raise BodyTooLarge
    return b"".join(parts)
