"""What holds for every request to the admin listener: its Host, its proxies, its security headers."""

from __future__ import annotations

import logging

from sojourn.core.errors import SojournError
from sojourn.core.ids import new_execution_key
from sojourn.engine.audit.log import Audit
from sojourn.http.origin import Origins, unchecked
from sojourn.http.replies import NO_STORE, Reply, error_reply, security_headers
from sojourn.http.wire import AsgiApp, Event, Head, Header, Receive, Scope, Send

#: Where the checked arrival of a request is kept in its ASGI scope.
ARRIVAL = "sojourn.arrival"

#: Refusals of a sender, which are counted and audited.
_REFUSALS = frozenset({"request.misdirected", "request.untrusted_proxy"})

_OPENER: Header = (b"cross-origin-opener-policy", b"same-origin")

logger = logging.getLogger("sojourn.admin")


class Guard:
    """ASGI middleware."""

    def __init__(self, app: AsgiApp, origins: Origins, audit: Audit) -> None:
        self._app = app
        self._origins = origins
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a foreign host and a proxy that is not listed; add the headers to everything else."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = https = False

        async def guarded(event: Event) -> None:
            nonlocal answering
            if event["type"] == "http.response.start":
                answering = True
                headers = [header for header in event["headers"] if header[0] != NO_STORE[0]]
                event = {**event, "headers": [*headers, *security_headers(https=https), NO_STORE, _OPENER]}
            await send(event)

        try:
            arrival = scope[ARRIVAL] = self._origins.arrival(scope, Head(scope["headers"]))
            https = arrival.https
            await self._app(scope, receive, guarded)
        except SojournError as error:
            if error.code in _REFUSALS:
                await self._audit.refused(error.code, unchecked(scope).address)
            await send_whole(scope, guarded, error_reply(error, new_execution_key()))
        except Exception:
            logger.exception("unhandled error")
            if not answering:
                await send_whole(scope, guarded, error_reply(SojournError(), new_execution_key()))


async def send_whole(scope: Scope, send: Send, reply: Reply) -> None:
    """Send ``reply``; :class:`Guard` adds the headers that all answers of the listener carry."""
    length = (b"content-length", b"%d" % len(reply.body))
    await send({"type": "http.response.start", "status": reply.status, "headers": [*reply.headers, length]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})
