"""Sessions of Sojourn for Flask: ``SojournSessions("site", realm="main").init_app(app)``.

The cookie, the origins that count as ours and the hosts that are answered follow the rules of the engine, as behind
:class:`sojourn.asgi.SessionMiddleware`. Of Flask's settings only ``PERMANENT_SESSION_LIFETIME`` and
``SESSION_REFRESH_EACH_REQUEST`` have an effect, on how long the browser keeps the cookie.
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Request, Response, request, session
from flask.sessions import SessionInterface, SessionMixin

from sojourn.bootstrap import Engine
from sojourn.contrib.flask_session import SojournSession
from sojourn.contrib.portal import Portal, portal_of
from sojourn.contrib.wsgi import scope_of
from sojourn.core.errors import SojournError
from sojourn.core.ids import new_execution_key
from sojourn.engine.fields.draft import SessionConflict
from sojourn.http.crosssite import SAFE_METHODS
from sojourn.http.middleware import FAILED, NotTracking
from sojourn.http.origin import Origins
from sojourn.http.replies import NO_STORE, error_reply, security_headers
from sojourn.http.visit import Visit
from sojourn.http.wire import Scope

__all__ = ["SessionConflict", "SojournSession", "SojournSessions"]


class SojournSessions(SessionInterface):
    """The session interface of an application.

    Args:
        engine: The project folder, or a portal to an engine.
        realm: Name of a realm that follows its sessions with a cookie (``sessionTrackingEnabled``).
    """

    def __init__(self, engine: str | Path | Portal, *, realm: str) -> None:
        self._portal = engine if isinstance(engine, Portal) else portal_of(engine)
        self._realm = realm
        self._gate: _Gate | None = None

    def init_app(self, app: Flask) -> None:
        """Let ``app`` keep its sessions here, refuse unsafe requests of other sites, and answer what the engine refuses."""
        app.session_interface = self
        app.before_request(_guard)
        app.register_error_handler(SojournError, self._refused)

    def regenerate(self, session: SessionMixin, user: str | None = None) -> None:
        """Give ``session`` a new secret and cookie, as after a login; see :meth:`SojournSession.rotate`."""
        _ours(session).rotate(user)

    # --- what Flask calls ---

    def open_session(self, app: Flask, request: Request) -> SojournSession:  # noqa: ARG002 - Flask's signature
        """A session of which nothing is loaded yet."""
        scope = scope_of(request.environ)
        return SojournSession(self._portal, lambda engine: self._begin(engine, scope))

    def should_set_cookie(self, app: Flask, session: SessionMixin) -> bool:
        """Whether the answer sets the cookie: a new session, a new secret, or a permanent one that is refreshed."""
        ours = _ours(session)
        if not ours.used:
            return False
        return bool(ours.visit.headers) or bool(
            self._lifetime(app, ours) and app.config["SESSION_REFRESH_EACH_REQUEST"]
        )

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Save what was changed; what the engine refuses then is answered in place of ``response``.

        An answer of 500 and more saves nothing.
        """
        ours = _ours(session)
        if not ours.used:
            return
        keep = None
        try:
            if response.status_code < FAILED:
                ours.save()
            keep = self._lifetime(app, ours) if self.should_set_cookie(app, ours) else None
        except SojournError as error:
            self._answer(response, error)
        _add_headers(response, ours, keep)

    # --- parts ---

    def _begin(self, engine: Engine, scope: Scope) -> Visit:
        if self._gate is None or self._gate.engine is not engine:
            self._gate = _Gate(engine, self._realm)
        return self._gate.visit(scope)

    def _lifetime(self, app: Flask, session: SojournSession) -> int | None:
        """For how many seconds the browser keeps the cookie; None = while it is open."""
        return int(app.permanent_session_lifetime.total_seconds()) if session.peek("_permanent") else None

    def _refused(self, error: SojournError) -> Response:
        response = Response()
        self._answer(response, error)
        return response

    def _answer(self, response: Response, error: SojournError) -> None:
        """Make ``response`` what the client is told of ``error``."""
        reply = error_reply(error, new_execution_key(), self._realm)
        response.status_code = reply.status
        response.set_data(reply.body)
        response.headers.clear()
        for name, value in (*reply.headers, *security_headers(https=request.is_secure)):
            response.headers.add(name.decode(), value.decode("latin-1"))


class _Gate:
    """What all requests to one open engine share."""

    def __init__(self, engine: Engine, realm: str) -> None:
        self.engine = engine
        self._realm = engine.realm(realm)
        if not self._realm.cookies_authenticate:
            raise NotTracking
        server = engine.rules.settings.server
        self._origins = Origins(server.public_url, server.trusted_proxies, self._realm.config.hosts or ())

    def visit(self, scope: Scope) -> Visit:
        """One request."""
        return Visit(self.engine.rules, self._origins, self._realm, scope)


def _guard() -> None:
    """Before each request: an unsafe one of another site does not reach the application."""
    if request.method not in SAFE_METHODS:
        _ours(session).start()


def _ours(session: SessionMixin) -> SojournSession:
    if not isinstance(session, SojournSession):
        raise TypeError("this is no session of SojournSessions")
    return session


def _add_headers(response: Response, session: SojournSession, keep: int | None) -> None:
    for name, value in session.finish(keep):
        if name == NO_STORE[0]:
            response.headers.set(name.decode(), value.decode())
        else:
            response.headers.add(name.decode(), value.decode("latin-1"))
    if session.accessed:
        response.vary.add("Cookie")
