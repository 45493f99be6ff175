"""The session of one request to a Flask application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from flask.sessions import SessionMixin, session_json_serializer

from sojourn.bootstrap import Engine
from sojourn.contrib.portal import Portal
from sojourn.core import json
from sojourn.core.errors import ResponseAlreadySent
from sojourn.engine.access import Access
from sojourn.engine.fields.draft import Draft
from sojourn.engine.fields.drafted import Drafted
from sojourn.engine.live import Fields, Session
from sojourn.http import visit_identity as identity
from sojourn.http.visit import SessionNotLoaded, Visit
from sojourn.http.who import Who
from sojourn.http.wire import Header
from sojourn.model.field import Field
from sojourn.model.token import AuthToken

T = TypeVar("T")


class TaggedJson:
    """Values as Flask's own sessions take and give them: ``datetime``, ``UUID``, tuples and bytes too."""

    def encode(self, value: Any) -> str:
        """Compact JSON text; raises ``TypeError`` or ``InvalidJson`` for what it cannot hold."""
        return json.encode_text(json.decode(session_json_serializer.dumps(value)))

    def decode(self, text: str) -> Any:
        """The value of the field."""
        return session_json_serializer.loads(text)


_TAGGED = TaggedJson()


class SojournSession(Who, Drafted, SessionMixin):
    """``flask.session``: a mapping that is loaded when it is first read, and saved before the answer goes out.

    Changes inside a value are noticed without ``modified = True``. What happens when two requests change the same item
    says :mod:`sojourn.engine.fields.draft`.
    """

    def __init__(self, portal: Portal, begin: Callable[[Engine], Visit]) -> None:
        self._portal = portal
        self._begin = begin
        self._visit: Visit | None = None
        self._draft = Draft(self._known, _TAGGED)
        self._told = False

    def __repr__(self) -> str:
        return f"<SojournSession {self.id or 'not open'}>"

    @property
    def modified(self) -> bool:
        """Whether there is anything to save: found by comparing, or said by the application."""
        return self._told or self._draft.changed

    @modified.setter
    def modified(self, value: bool) -> None:
        self._told = value

    # --- what is known of it ---

    @property
    def new(self) -> bool:  # type: ignore[override]
        """Whether the client came without a session that can be opened."""
        self._known()
        visit = self.visit
        return not visit.cookie.present or visit.cookie.ambiguous or visit.lost is not None

    @property
    def lost(self) -> str:
        """Why the session that the client shows cannot be opened (``session.ended`` …), empty when it can."""
        self._known()
        lost = self.visit.lost
        return lost.code if lost else ""

    @property
    def id(self) -> str:
        """Public id, empty while no session is open."""
        return self._visit.access.session.id if self._visit and self._visit.access else ""

    # --- acts ---

    def save(self) -> None:
        """Save the changes now and not only with the answer; raises ``SessionConflict``."""
        self._act(lambda visit: visit.save(self._draft))

    def reload(self) -> None:
        """Forget the changes that are not saved and know the items as they are now, as after a ``SessionConflict``."""
        self._draft = Draft(self._known, _TAGGED)
        self._act(lambda visit: visit.read(anew=True))

    def increment(self, name: str, by: float = 1) -> Any:
        """Add ``by`` to a number at once, whatever other requests do, and return the sum."""
        return self._act(lambda visit: Fields(visit).increment(name, by))

    def login(self, user_name: str, password: str, *, end_session: str = "", new_password: str | None = None) -> bool:
        """Log in with an account of the realm; see :meth:`sojourn.asgi.RequestSession.login`."""
        return self._as(
            lambda visit: identity.login(visit, user_name, password, end_session=end_session, new_password=new_password)
        )

    def login_by_auth_token(self, text: str) -> None:
        """Log in with a token; see :meth:`sojourn.asgi.RequestSession.login_by_auth_token`."""
        self._as(lambda visit: identity.login_by_auth_token(visit, text))

    def logout(self) -> None:
        """End the identity, not the session; see :meth:`sojourn.asgi.RequestSession.logout`."""
        self._as(identity.logout)

    def set_password(self, new: str, old: str | None = None) -> None:
        """Change the password of the user; see :meth:`sojourn.asgi.RequestSession.set_password`."""
        self._as(lambda visit: identity.set_password(visit, new, old))

    def rotate(self, user: str | None = None) -> None:
        """Give the session a new secret; see :meth:`sojourn.asgi.RequestSession.rotate`."""
        self._as(lambda visit: visit.rotate(user))

    def authorize_token(self, token: AuthToken) -> str:
        """Hand the login on; see :meth:`sojourn.asgi.RequestSession.authorize_token`."""
        return self._live(lambda live: live.authorize_token(token))

    def update_auth_token(self, token: AuthToken) -> None:
        """See :meth:`sojourn.asgi.RequestSession.update_auth_token`."""
        self._live(lambda live: live.update_auth_token(token))

    def revoke_auth_token_by_key(self, key: int) -> None:
        """See :meth:`sojourn.asgi.RequestSession.revoke_auth_token_by_key`."""
        self._live(lambda live: live.revoke_auth_token_by_key(key))

    def new_session_token(self, scope: str | Sequence[str]) -> str:
        """See :meth:`sojourn.asgi.RequestSession.new_session_token`."""
        return self._live(lambda live: live.new_session_token(scope))

    def end(self) -> None:
        """End the session for good, at once."""
        self._act(lambda visit: visit.end())
        self._draft = Draft(self._known, _TAGGED)

    # --- for the session interface ---

    @property
    def used(self) -> bool:
        """Whether the request has asked for the session or changed it."""
        return self._visit is not None or self._draft.changed

    @property
    def visit(self) -> Visit:
        """The request as the engine sees it; raises ``CrossSiteWrite`` for an unsafe one of another site."""
        self.start()
        assert self._visit is not None
        return self._visit

    def start(self) -> None:
        """Look at the request before the application does; raises as :attr:`visit`."""
        if self._visit is None:
            self._visit = self._portal.call(self._start)

    def peek(self, name: str) -> Any:
        """The item, without noting that it was read; None when the session was not loaded."""
        return self._draft.peek(name) if self._visit is not None else None

    def finish(self, keep_cookie: int | None) -> Sequence[Header]:
        """The headers of the answer; after this nothing can be changed any more.

        ``keep_cookie``: for how many seconds the browser shall keep the cookie, None = leave it.
        """
        if self._visit is None:
            return ()
        if keep_cookie is not None:
            self._visit.keep_cookie(keep_cookie)
        headers = self._act(lambda visit: visit.answer_headers())
        self._visit.answering = True
        return headers

    # --- parts ---

    def _act(self, act: Callable[[Visit], Awaitable[T]]) -> T:
        visit = self.visit
        return self._portal.call(lambda _engine: act(visit))

    def _opened(self) -> Access | None:
        self._known()
        return self.visit.access

    def _as(self, act: Callable[[Visit], Awaitable[T]]) -> T:
        return self._act(lambda visit: identity.saved_before(visit, self._draft, lambda: act(visit)))

    def _live(self, act: Callable[[Session], Awaitable[T]]) -> T:
        async def found(visit: Visit) -> T:
            return await act(await identity.live(visit))

        return self._act(found)

    async def _start(self, engine: Engine) -> Visit:
        visit = self._begin(engine)
        visit.guard()
        return visit

    def _known(self) -> Mapping[str, Field]:
        try:
            return self.visit.known
        except SessionNotLoaded:
            return self._act(lambda visit: visit.read())

    def _in_time(self) -> None:
        if self._visit is not None and self._visit.answering:
            raise ResponseAlreadySent
