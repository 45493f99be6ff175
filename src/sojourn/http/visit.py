"""The session of one request to an application behind the middleware: opened when first used, begun when first written.

It is opened with one load; reads after that come from what was loaded and what this request wrote. Every write goes to
the store at once, guarded there by epoch and expiry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sojourn.core.errors import CrossSiteWrite, SessionUnknown, Unauthorized
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access
from sojourn.engine.rules import Rules
from sojourn.http import crosssite
from sojourn.http.call import device
from sojourn.http.cookies import (
    NO_COOKIE,
    SessionCookie,
    cookie_name,
    expire_session_cookie,
    read_session_cookie,
    set_session_cookie,
)
from sojourn.http.errors import ResponseAlreadySent
from sojourn.http.origin import Arrival, Origins, check_realm_host
from sojourn.http.replies import NO_STORE
from sojourn.http.wire import Head, Header, Scope
from sojourn.model.field import Changed, Field, Op, apply
from sojourn.model.realm import Realm
from sojourn.model.session import Identity

_CLEAR: Header = (b"clear-site-data", b'"cache"')
_FIRST_VERSION = 1


class Visit:
    """What one request knows of its session."""

    def __init__(self, rules: Rules, origins: Origins, realm: Realm, scope: Scope) -> None:
        self._rules = rules
        self._origins = origins
        self._realm = realm
        self._scope = scope
        self._head = Head(scope["headers"])
        self._arrival: Arrival | None = None
        self._cookie: SessionCookie | None = None
        self._is_ours: bool | None = None
        self._fields: dict[str, Field] | None = {}
        self._opened = False
        #: The open session, None while there is none.
        self.access: Access | None = None
        #: Why the session that the client showed cannot be opened.
        self.lost: Unauthorized | None = None
        #: Headers for the answer.
        self.headers: tuple[Header, ...] = ()
        #: Whether the answer has begun: then no cookie can be set any more.
        self.answering = False

    # --- what came with the request ---

    def guard(self) -> None:
        """Raise ``CrossSiteWrite`` for an unsafe request of another site that shows a session cookie."""
        unsafe = self._scope["method"] not in crosssite.SAFE_METHODS
        if unsafe and self.cookie.present and not self._ours():
            raise CrossSiteWrite

    @property
    def cookie(self) -> SessionCookie:
        """The session cookie of the request."""
        if self._cookie is None:
            self._cookie = self._read_cookie()
        return self._cookie

    @property
    def used(self) -> bool:
        """Whether the application has asked for the session."""
        return self._opened

    async def open(self) -> Access | None:
        """The session that the cookie opens, None without one; one load for the whole request."""
        if self._opened:
            return self.access
        self._opened = True
        cookie = self.cookie
        if cookie.ambiguous:
            await self._rules.audit.refused("cookie.ambiguous", self.arrival.address, realm=self._realm.id)
        elif cookie.present:
            await self._open(cookie.handle)
        return self.access

    # --- fields ---

    async def read(self) -> Mapping[str, Field]:
        """The fields as this request sees them."""
        access = self.access if self._opened else await self.open()
        if self._fields is None and access is not None:
            self._fields = dict(await self._rules.sessions.fields(access))
        return self._fields or {}

    async def write(self, ops: Sequence[Op]) -> Changed:
        """Apply all of ``ops`` or none; the first write of a client without a session begins one.

        Raises the reason for which a session that was shown cannot be opened: it is never replaced in silence.
        """
        access = self.access if self._opened else await self.open()
        if access is None:
            return await self._begin(ops)
        changed = await self._rules.sessions.change(access, ops)
        self._remember(ops, changed)
        return changed

    # --- identity ---

    async def login(self, user_name: str, password: str) -> bool:
        """Log in; False when refused, for every reason alike."""
        self._may_set_cookie()
        current = await self.open()
        who = device(self._head, self.arrival)
        logged = await self._rules.logins.login(self._realm, user_name, password, who, current=current)
        if logged is not None:
            await self._adopt(logged.handle)
        return logged is not None

    async def rotate(self) -> None:
        """A new secret and epoch for the same session; all its fields stay. Begins one where there is none."""
        self._may_set_cookie()
        access = await self.open()
        if access is None:
            await self._begin(())
            return
        who = device(self._head, self.arrival)
        begun = await self._rules.sessions.rotate(access, access.session.identity, who, keep=None)
        await self._adopt(begun.handle)

    async def end(self) -> None:
        """End the session for good and let the browser forget it, a dead one too, but never for another site."""
        access = await self.open()
        if access is not None:
            await self._rules.sessions.end(access)
            self.access, self._fields = None, {}
        if self.cookie.present and not self.answering and self._ours():
            name = cookie_name(self._realm.name, secure=self.arrival.https)
            self.headers = (expire_session_cookie(name), _CLEAR, NO_STORE)

    # --- parts ---

    @property
    def arrival(self) -> Arrival:
        """How the request arrived; raises ``MisdirectedRequest`` where no session can be on this host."""
        if self._arrival is None:
            arrival = self._origins.arrival(self._scope, self._head)
            check_realm_host(self._realm, arrival)
            self._arrival = arrival
        return self._arrival

    def _read_cookie(self) -> SessionCookie:
        if not self._head.has(b"cookie"):
            return NO_COOKIE
        name = cookie_name(self._realm.name, secure=self.arrival.https)
        return read_session_cookie(self._head.all(b"cookie"), name)

    def _ours(self) -> bool:
        if self._is_ours is None:
            self._is_ours = crosssite.is_ours(self._head, self.arrival)
        return self._is_ours

    async def _open(self, handle: SessionHandle | None) -> None:
        try:
            if handle is None:
                raise SessionUnknown
            access = await self._rules.sessions.open(self._realm, handle, "cookie")
        except Unauthorized as error:
            self.lost = error
            await self._rules.audit.refused(error.code, self.arrival.address, realm=self._realm.id)
            return
        if self._rules.sessions.touch_due(access):
            await self._rules.sessions.touch(access)
        self._hold(access if self._ours() else replace(access, read_only=True))

    def _hold(self, access: Access) -> None:
        self.access = access
        self._fields = dict(access.fields)

    async def _begin(self, ops: Sequence[Op]) -> Changed:
        if self.lost is not None:
            raise self.lost
        self._may_set_cookie()
        applied = apply(ops, {}, self._realm.limits)
        first = {name: text for name, text in applied.writes.items() if text is not None}
        who = device(self._head, self.arrival)
        begun = await self._rules.sessions.begin(self._realm, Identity(), who, fields=first)
        await self._adopt(begun.handle)
        return Changed(_FIRST_VERSION, applied.values)

    async def _adopt(self, handle: SessionHandle) -> None:
        """Go on with the session that ``handle`` opens, and tell the browser."""
        secure = self._origins.secure_cookie(self.arrival)
        name = cookie_name(self._realm.name, secure=secure)
        self.headers = (set_session_cookie(name, handle), NO_STORE)
        self.lost = None
        self._hold(await self._rules.sessions.open(self._realm, handle, "cookie"))

    def _may_set_cookie(self) -> None:
        if self.answering:
            raise ResponseAlreadySent
        if not self._ours():
            raise CrossSiteWrite
        self._origins.secure_cookie(self.arrival)

    def _remember(self, ops: Sequence[Op], changed: Changed) -> None:
        """Keep what was written for later reads; what only the store knows is read again."""
        for op in ops:
            if self._fields is None or op.kind in ("append", "merge"):
                self._fields = None
                return
            text = changed.values.get(op.name, op.text)
            if text:
                self._fields[op.name] = Field(changed.version, text)
            else:
                self._fields.pop(op.name, None)
