"""The session middleware: a session in ``scope["session"]`` of any ASGI application."""

from __future__ import annotations

from sojourn.core.errors import SojournError
from sojourn.core.ids import new_execution_key
from sojourn.engine.live import Fields
from sojourn.engine.rules import Rules
from sojourn.http.origin import Origins
from sojourn.http.replies import NO_STORE, error_reply, send_reply
from sojourn.http.visit import Visit
from sojourn.http.wire import AsgiApp, Event, Receive, Scope, Send
from sojourn.model.realm import Realm
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import ANONYMOUS_KEY, ANONYMOUS_NAME


class NotTracking(SojournError):
    """The realm of SessionMiddleware must follow its sessions with a cookie: sessionTrackingEnabled."""

    code = "realm.not_tracking"


class RequestSession:
    """The session of one request.

    Nothing is loaded before it is used, and no record begins before the first write. ``id``, ``user_name``, ``user_key``
    and ``scope`` say what :meth:`load`, or any other call, has found.
    """

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        #: The fields; see :class:`sojourn.engine.live.Fields`.
        self.fields = Fields(visit)

    async def load(self) -> RequestSession:
        """Open the session that the client shows, if there is one."""
        await self._visit.open()
        return self

    @property
    def is_new(self) -> bool:
        """Whether the client came without a session that can be opened."""
        return not self._visit.cookie.present or self._visit.cookie.ambiguous or self._visit.lost is not None

    @property
    def lost(self) -> str:
        """Why the session that the client shows cannot be opened (``session.ended`` …), empty when it can."""
        return self._visit.lost.code if self._visit.lost else ""

    @property
    def id(self) -> str:
        """Public id, empty without a session."""
        return self._visit.access.session.id if self._visit.access else ""

    @property
    def user_name(self) -> str:
        """Name of the account, ``anonymous`` without one."""
        access = self._visit.access
        if access is None:
            return ANONYMOUS_NAME
        return access.account.name if access.account else access.session.identity.user_name

    @property
    def user_key(self) -> int:
        """Key of the account, -1 without one."""
        return self._visit.access.session.identity.user_key if self._visit.access else ANONYMOUS_KEY

    @property
    def scope(self) -> ScopeSet:
        """The effective scope."""
        return self._visit.access.scope if self._visit.access else NO_SCOPE

    async def login(self, user_name: str, password: str) -> bool:
        """Log in with an account of the realm: new secret, new cookie. False when refused."""
        return await self._visit.login(user_name, password)

    async def rotate(self) -> None:
        """Give the session a new secret; do it whenever the application itself raises a privilege."""
        await self._visit.rotate()

    async def end(self) -> None:
        """End the session for good; raises ``StoreUnavailable`` when that cannot be promised."""
        await self._visit.end()


class SessionLayer:
    """Puts a :class:`RequestSession` into the scope of every HTTP request of ``app``."""

    def __init__(self, app: AsgiApp, rules: Rules, realm: Realm) -> None:
        if not realm.cookies_authenticate:
            raise NotTracking
        server = rules.settings.server
        self._app = app
        self._rules = rules
        self._realm = realm
        self._origins = Origins(server.public_url, server.trusted_proxies, realm.config.hosts or ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request.

        What the engine refuses (an unsafe request of another site, a write into an ended session, a store that cannot
        be reached) is answered here, unless the application has caught it or begun its own answer.
        """
        visit = Visit(self._rules, self._origins, self._realm, scope)
        scope["session"] = RequestSession(visit)
        try:
            visit.guard()
            await self._app(scope, receive, _sender(visit, send))
        except SojournError as error:
            if visit.answering:
                raise
            await self._answer(scope, _sender(visit, send), error)

    async def _answer(self, scope: Scope, send: Send, error: SojournError) -> None:
        reply = error_reply(error, new_execution_key(), self._realm.name)
        await send_reply(scope, send, reply, https=scope.get("scheme") == "https")


def _sender(visit: Visit, send: Send) -> Send:
    """``send`` that adds our headers to the answer when it begins."""

    async def sending(event: Event) -> None:
        if event["type"] == "http.response.start":
            visit.answering = True
            if visit.headers or visit.used:
                own = visit.headers or (NO_STORE,)
                kept = [header for header in event.get("headers", ()) if header[0].lower() != b"cache-control"]
                event = {**event, "headers": [*kept, *own]}
        await send(event)

    return sending
