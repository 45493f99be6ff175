"""Sessions for an ASGI application of your own: ``from sojourn.asgi import SessionMiddleware``."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from sojourn.bootstrap import Engine
from sojourn.http.lifespan import answer_lifespan
from sojourn.http.middleware import NotTracking, RequestSession, SessionLayer
from sojourn.http.wire import AsgiApp, Event, Receive, Scope, Send

__all__ = ["NotTracking", "RequestSession", "SessionMiddleware"]


class SessionMiddleware:
    """Puts a :class:`RequestSession` into ``scope["session"]`` of every HTTP request.

    Args:
        app: The application.
        engine: An open engine, or the project folder of one that is opened and closed with the application's lifespan.
        realm: Name of a realm that follows its sessions with a cookie (``sessionTrackingEnabled``).

    Raises:
        RealmUnknown: There is no such realm; with a project folder at start-up.
        NotTracking: The realm has no cookies; with a project folder at start-up.
    """

    def __init__(self, app: AsgiApp, *, engine: Engine | str | Path, realm: str) -> None:
        self._app = app
        self._realm = realm
        self._folder = None if isinstance(engine, Engine) else Path(engine)
        self._layer = self._make_layer(engine) if isinstance(engine, Engine) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            if self._layer is None:
                raise RuntimeError(
                    "SessionMiddleware opens its engine at start-up: the server must send lifespan events"
                )
            await self._layer(scope, receive, send)
        elif scope["type"] == "lifespan" and self._folder is not None:
            await self._lifespan(self._folder, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _lifespan(self, folder: Path, scope: Scope, receive: Receive, send: Send) -> None:
        async with Engine.open(folder) as engine:
            self._layer = self._make_layer(engine)
            sweeping = asyncio.create_task(engine.sweeper.run())
            try:
                await _run_lifespan(self._app, scope, receive, send)
            finally:
                self._layer = None
                sweeping.cancel()
                with suppress(asyncio.CancelledError):
                    await sweeping

    def _make_layer(self, engine: Engine) -> SessionLayer:
        return SessionLayer(self._app, engine.rules, engine.realm(self._realm))


async def _run_lifespan(app: AsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
    """The lifespan of ``app``; ours in place of it when it has none, which ASGI lets it say in many ways."""
    asked = False

    async def noting() -> Event:
        nonlocal asked
        asked = True
        return await receive()

    try:
        await app(scope, noting, send)
    except Exception:
        if asked:
            raise
    if not asked:
        await answer_lifespan(receive, send)
