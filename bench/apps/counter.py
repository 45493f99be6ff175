"""P1: ten lines of application behind the session middleware."""

from __future__ import annotations

import sys
from decimal import Decimal

import uvicorn

from bench.apps.reply import json_reply
from sojourn.asgi import RequestSession, SessionMiddleware
from sojourn.http.wire import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """``/fill`` begins a session of about 0.5 KB, ``/count`` reads it and adds 1 to one field."""
    del receive
    session: RequestSession = scope["session"]
    count: float | Decimal = 0
    if scope["path"] == "/fill":
        await session.fields.put(note="x" * 500, count=0)
    elif scope["path"] == "/count" and await session.fields.get("note"):
        count = await session.fields.increment("count")
    await json_reply(send, {"count": count})


if __name__ == "__main__":
    folder, realm, port = sys.argv[1:]
    served = SessionMiddleware(app, engine=folder, realm=realm)
    uvicorn.run(served, port=int(port), access_log=False, log_level="warning")
