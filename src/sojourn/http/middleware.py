"""The session middleware: a session in ``scope["session"]`` of any ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from sojourn.core.errors import ResponseAlreadySent, SojournError
from sojourn.core.ids import new_execution_key
from sojourn.engine.access import Access
from sojourn.engine.fields.draft import Draft
from sojourn.engine.fields.drafted import Drafted
from sojourn.engine.live import Fields
from sojourn.engine.rules import Rules
from sojourn.http import visit_identity as identity
from sojourn.http.origin import Origins
from sojourn.http.replies import error_reply, send_reply
from sojourn.http.visit import Visit
from sojourn.http.who import Who
from sojourn.http.wire import AsgiApp, Event, Receive, Scope, Send
from sojourn.model.realm import Realm
from sojourn.model.token import AuthToken

T = TypeVar("T")

#: From this status on an answer says that the application failed; then nothing of the mapping is saved.
FAILED = 500


class NotTracking(SojournError):
    """The realm of SessionMiddleware must follow its sessions with a cookie: sessionTrackingEnabled."""

    code = "realm.not_tracking"


class RequestSession(Who, Drafted):
    """The session of one request.

    Nothing is loaded before it is used, and no record begins before the first write. ``id``, ``user_name``, ``user_key``,
    ``scope`` and the like say what :meth:`load`, or any other call, has found.

    ``fields`` acts on the store at once. As a mapping the session notes what is read and changed, and saves it in one
    atomic act before the first byte of the answer goes out; see :mod:`sojourn.engine.fields.draft` for what that means when two
    requests change the same item. Items are read only after :meth:`load` (or with ``preload=True``); setting one needs
    nothing.
    """

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._draft = Draft(lambda: visit.known)
        #: The fields; see :class:`sojourn.engine.live.Fields`.
        self.fields = Fields(visit)

    async def load(self) -> RequestSession:
        """Open the session that the client shows, if there is one, and know its fields."""
        await self._visit.read()
        return self

    async def save(self) -> None:
        """Save the changes of the mapping now and not only with the answer.

        Raises ``SessionConflict`` when another request has changed the same item, and what writes of ``fields`` raise.
        """
        await self._visit.save(self._draft)

    async def reload(self) -> RequestSession:
        """Forget the changes that are not saved and know the fields as they are now, as after a ``SessionConflict``."""
        self._draft = Draft(lambda: self._visit.known)
        await self._visit.read(anew=True)
        return self

    @property
    def as_mapping(self) -> bool:
        """Whether the mapping was used at all."""
        return self._draft.used

    @property
    def unsaved(self) -> bool:
        """Whether the mapping has changes that are not saved yet."""
        return self._draft.changed

    def __repr__(self) -> str:
        return f"<RequestSession {self.id or 'not open'}>"

    def _opened(self) -> Access | None:
        return self._visit.access

    async def _as(self, act: Callable[[], Awaitable[T]]) -> T:
        return await identity.saved_before(self._visit, self._draft, act)

    def _in_time(self) -> None:
        if self._visit.answering:
            raise ResponseAlreadySent

    # --- what is known of it ---

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

    # --- identity: what the mapping has changed is saved first, under the old one ---

    async def login(
        self, user_name: str, password: str, *, end_session: str = "", new_password: str | None = None
    ) -> bool:
        """Log in with an account of the realm: new secret, new cookie. False when refused.

        The answer makes the browser known to the account, so that it gets in while others try passwords of the account.

        Raises ``SessionLimit`` with the account's sessions when it has as many as the realm allows (policy *deny*); then
        ``end_session`` may name one of them by its public id, to end in favour of this one. Raises ``PasswordExpired``
        (of ``sojourn.asgi``: a right password that has to be changed first) until ``new_password`` is given, which
        replaces it; ``WeakPassword`` where that cannot be one; ``TooManyTries`` with the time to wait, ``LoginBusy``.
        """
        return await self._as(
            lambda: identity.login(self._visit, user_name, password, end_session=end_session, new_password=new_password)
        )

    async def login_by_auth_token(self, text: str) -> None:
        """Log in with an AuthToken, or with an ID token of a registered identity provider: new secret, new cookie.

        The scope is then the AuthToken's; the session ends with the token. Raises ``AuthTokenRefused`` with its reason, and
        then nothing has changed.
        """
        await self._as(lambda: identity.login_by_auth_token(self._visit, text))

    async def logout(self) -> None:
        """End the identity: nobody, without scope and fields, under a new secret. :meth:`end` ends the session itself."""
        await self._as(lambda: identity.logout(self._visit))

    async def set_password(self, new: str, old: str | None = None) -> None:
        """Change the password of the user: new secret, new cookie; all other sessions of the account end.

        ``old``, where given, has to be the present password. Raises ``Unauthorized``, ``DelegatedHandle``,
        ``FreshLoginRequired``, ``WeakPassword``, ``WrongPassword``, ``TooManyTries``.
        """
        await self._as(lambda: identity.set_password(self._visit, new, old))

    async def rotate(self, user: str | None = None) -> None:
        """Give the session a new secret; do it whenever the application itself raises a privilege.

        Args:
            user: Whom the application has logged in by its own means: its name or number there. The session is then
                listed, ended and limited as that user's. Empty = nobody any more; None = as before.
        """
        await self._as(lambda: self._visit.rotate(user))

    # --- handing the login on ---

    async def authorize_token(self, token: AuthToken) -> str:
        """See :meth:`sojourn.engine.live.Session.authorize_token`: its text, which is shown once."""
        return await (await identity.live(self._visit)).authorize_token(token)

    async def update_auth_token(self, token: AuthToken) -> None:
        """See :meth:`sojourn.engine.live.Session.update_auth_token`."""
        await (await identity.live(self._visit)).update_auth_token(token)

    async def revoke_auth_token_by_key(self, key: int) -> None:
        """See :meth:`sojourn.engine.live.Session.revoke_auth_token_by_key`."""
        await (await identity.live(self._visit)).revoke_auth_token_by_key(key)

    async def new_session_token(self, scope: str | Sequence[str]) -> str:
        """See :meth:`sojourn.engine.live.Session.new_session_token`."""
        return await (await identity.live(self._visit)).new_session_token(scope)

    async def end(self) -> None:
        """End the session for good; raises ``StoreUnavailable`` when that cannot be promised."""
        await self._visit.end()
        self._draft = Draft(lambda: self._visit.known)


class SessionLayer:
    """Puts a :class:`RequestSession` into the scope of every HTTP request of ``app``."""

    def __init__(self, app: AsgiApp, rules: Rules, realm: Realm, *, preload: bool = False) -> None:
        if not realm.cookies_authenticate:
            raise NotTracking
        server = rules.settings.server
        self._app = app
        self._rules = rules
        self._realm = realm
        self._preload = preload
        self._origins = Origins(server.public_url, server.trusted_proxies, realm.config.hosts or ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request.

        What the engine refuses (an unsafe request of another site, a write into an ended session, a store that cannot
        be reached) is answered here, unless the application has caught it or begun its own answer.
        """
        visit = Visit(self._rules, self._origins, self._realm, scope)
        session = RequestSession(visit)
        scope["session"] = session
        scope.setdefault("state", {})["session"] = session
        answer = _Answer(scope, send, visit, session, self._realm)
        try:
            visit.guard()
            if self._preload:
                await self._load(visit, session)
            await self._app(scope, receive, answer.send)
            answer.check()
        except SojournError as error:
            if visit.answering:
                raise
            await answer.refuse(error)

    @staticmethod
    async def _load(visit: Visit, session: RequestSession) -> None:
        visit.preloaded = True
        if visit.cookie.present:
            await session.load()


class _Answer:
    """The way of the application's answer through the middleware."""

    def __init__(self, scope: Scope, send: Send, visit: Visit, session: RequestSession, realm: Realm) -> None:
        self._scope = scope
        self._send = send
        self._visit = visit
        self._session = session
        self._realm = realm
        self._saved = False
        #: Whether an answer of ours went out in place of the application's.
        self._refused = False

    async def send(self, event: Event) -> None:
        """Take one event of the application: what it changed in the session is saved before its answer begins."""
        if self._refused:
            return
        if event["type"] != "http.response.start":
            await self._send(event)
            return
        if event["status"] < FAILED:
            self._saved = not self._session.as_mapping or await self._save()
            if not self._saved:
                return
        await self._begin(event)

    async def refuse(self, error: SojournError) -> None:
        """Answer ``error``; whatever the application sends after that is dropped."""
        self._refused = True
        reply = error_reply(error, new_execution_key(), self._realm.name)
        await send_reply(self._scope, self._pass, reply, https=self._scope.get("scheme") == "https")

    def check(self) -> None:
        """Raise ``ResponseAlreadySent`` for changes that came too late to be saved: they are never lost in silence."""
        if self._saved and self._session.unsaved:
            raise ResponseAlreadySent

    async def _save(self) -> bool:
        """Whether the answer of the application may go out.

        It is not told by an error where it sends: no framework expects one there, and some would leave files open.
        """
        try:
            await self._session.save()
        except SojournError as error:
            await self.refuse(error)
            return False
        return True

    async def _begin(self, event: Event) -> None:
        own = await self._visit.answer_headers()
        self._visit.answering = True
        if own:
            kept = [header for header in event.get("headers", ()) if header[0].lower() != b"cache-control"]
            event = {**event, "headers": [*kept, *own]}
        await self._send(event)

    async def _pass(self, event: Event) -> None:
        await (self._begin(event) if event["type"] == "http.response.start" else self._send(event))
