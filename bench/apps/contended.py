"""P6: many clients change one session, with some milliseconds of work between the read and the write."""

from __future__ import annotations

import asyncio
import sys
from urllib.parse import parse_qs

import uvicorn

from bench.apps.reply import json_reply
from sojourn.asgi import RequestSession, SessionMiddleware
from sojourn.http.wire import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """``/fill`` begins a session, ``/increment`` and ``/put`` change it, ``/all`` shows it."""
    del receive
    session: RequestSession = scope["session"]
    options = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    if scope["path"] == "/fill":
        await session.fields.put(count=0)
    elif scope["path"] in {"/increment", "/put"}:
        await session.fields.all()
        if work := int(options["work"]):
            await asyncio.sleep(work / 1e3)
        await _change(session, options)
    await json_reply(send, {} if scope["path"] == "/ready" else await session.fields.all())


async def _change(session: RequestSession, options: dict[str, str]) -> None:
    if "name" in options:
        await session.fields.put_all({options["name"]: int(options["value"])})
    else:
        await session.fields.increment("count")


if __name__ == "__main__":
    folder, realm, port = sys.argv[1:]
    served = SessionMiddleware(app, engine=folder, realm=realm)
    uvicorn.run(served, port=int(port), access_log=False, log_level="warning")
