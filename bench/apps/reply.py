"""The answer of the small applications."""

from __future__ import annotations

from typing import Any

import msgspec

from sojourn.http.wire import Send


async def json_reply(send: Send, value: Any) -> None:
    """Answer 200 with ``value``."""
    body = msgspec.json.encode(value)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
