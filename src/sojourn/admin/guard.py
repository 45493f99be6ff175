"""What holds for every request to the admin listener: its Host, its proxies, its security headers."""

from __future__ import annotations

import logging

from sojourn.core.errors import SojournError
from sojourn.core.ids import new_execution_key
from sojourn.http.origin import Origins
from sojourn.http.replies import NO_STORE, error_reply, security_headers, send_reply
from sojourn.http.wire import AsgiApp, Event, Head, Header, Receive, Scope, Send

_OPENER: Header = (b"cross-origin-opener-policy", b"same-origin")

logger = logging.getLogger("sojourn.admin")


class Guard:
    """ASGI middleware."""

    def __init__(self, app: AsgiApp, public_url: str) -> None:
        self._app = app
        self._origins = Origins(public_url, ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a foreign host and a proxy that is not listed; add the headers to everything else."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answering = False

        async def guarded(event: Event) -> None:
            nonlocal answering
            if event["type"] == "http.response.start":
                answering = True
                event = {**event, "headers": [*event["headers"], *security_headers(https=False), NO_STORE, _OPENER]}
            await send(event)

        try:
            self._origins.arrival(scope, Head(scope["headers"]))
            await self._app(scope, receive, guarded)
        except SojournError as error:
            await send_reply(scope, send, error_reply(error, new_execution_key()), https=False)
        except Exception:
            logger.exception("unhandled error")
            if not answering:
                await send_reply(scope, send, error_reply(SojournError(), new_execution_key()), https=False)
