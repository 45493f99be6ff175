"""Sessions for an ASGI application of your own: ``from sojourn.asgi import SessionMiddleware``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sojourn.bootstrap import Engine
from sojourn.core.errors import AuthTokenRefused, TooManyTries
from sojourn.engine.fields.draft import SessionConflict
from sojourn.engine.passwords.credentials import PasswordExpired
from sojourn.http.lifespan import answer_lifespan
from sojourn.http.middleware import NotTracking, RequestSession, SessionLayer
from sojourn.http.visit import SessionNotLoaded
from sojourn.http.wire import Event, Receive, Scope, Send
from sojourn.identity.password import WeakPassword
from sojourn.stores.base import SessionLimit

__all__ = [
    "AuthTokenRefused",
    "NotTracking",
    "PasswordExpired",
    "RequestSession",
    "SessionConflict",
    "SessionLimit",
    "SessionMiddleware",
    "SessionNotLoaded",
    "TooManyTries",
    "WeakPassword",
]

#: Any ASGI application, whatever its framework calls the types of scope and events.
AnyAsgiApp = Callable[[Any, Any, Any], Awaitable[None]]


class SessionMiddleware:
    """Puts a :class:`RequestSession` into ``scope["session"]`` and ``scope["state"]["session"]`` of every HTTP request.

    Args:
        app: The application.
        engine: An open engine, or the project folder of one that is opened and closed with the application's lifespan.
        realm: Name of a realm that follows its sessions with a cookie (``sessionTrackingEnabled``).
        preload: Load the session before the application runs when the client shows one, so that its items can be read
            without ``await session.load()``, from synchronous code too.

    Raises:
        RealmUnknown: There is no such realm; with a project folder at start-up.
        NotTracking: The realm has no cookies; with a project folder at start-up.
    """

    def __init__(self, app: AnyAsgiApp, *, engine: Engine | str | Path, realm: str, preload: bool = False) -> None:
        self._app = app
        self._realm = realm
        self._preload = preload
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
            try:
                await _run_lifespan(self._app, scope, receive, send)
            finally:
                self._layer = None

    def _make_layer(self, engine: Engine) -> SessionLayer:
        return SessionLayer(self._app, engine.rules, engine.realm(self._realm), preload=self._preload)


async def _run_lifespan(app: AnyAsgiApp, scope: Scope, receive: Receive, send: Send) -> None:
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
