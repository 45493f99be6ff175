"""The session of one request to an application behind the middleware: opened when first used, begun when first written.

It is opened with one load; reads after that come from what was loaded and what this request wrote. Every write goes to
the store at once, guarded there by epoch and expiry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from sojourn.core.clock import SECOND
from sojourn.core.errors import (
    CrossSiteWrite,
    ResponseAlreadySent,
    SessionReplaced,
    SessionUnknown,
    SojournError,
    Unauthorized,
)
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access
from sojourn.engine.fields.draft import Draft, remember, save
from sojourn.engine.rules import Rules
from sojourn.http import crosssite
from sojourn.http.call import device
from sojourn.http.clients import UNTRACKED, Client, recognise
from sojourn.http.cookies import (
    NO_COOKIE,
    SessionCookie,
    cookie_name,
    expire_session_cookie,
    set_session_cookie,
)
from sojourn.http.handles import read_cookie
from sojourn.http.origin import Arrival, Origins, check_realm_host
from sojourn.http.replies import NO_STORE
from sojourn.http.wire import Head, Header, Scope
from sojourn.model.field import Changed, Field, Op, apply
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity
from sojourn.model.user import external_identity

_CLEAR: Header = (b"clear-site-data", b'"cache"')
_FIRST_VERSION = 1
#: The space of users that applications behind the middleware vouch for; no pipeline can have that name.
_SPACE = "@app"
_NOBODY = Identity()


class SessionNotLoaded(SojournError):
    """Items of the session were read before it was loaded: await session.load() first, or give preload=True."""

    code = "session.not_loaded"


class Visit:
    """What one request knows of its session."""

    #: The open session, None while there is none.
    access: Access | None = None
    #: Why the session that the client showed cannot be opened.
    lost: Unauthorized | None = None
    #: Headers for the answer.
    headers: tuple[Header, ...] = ()
    #: The device cookie for the answer, after a proof of who is there.
    remembered: tuple[Header, ...] = ()
    #: Whether the answer has begun: then no cookie can be set any more.
    answering = False
    #: Whether what a client without a cookie has, nothing, counts as loaded.
    preloaded = False

    _arrival: Arrival | None = None
    _cookie: SessionCookie | None = None
    _client: Client | None = None
    _is_ours: bool | None = None
    _opened = False

    def __init__(self, rules: Rules, origins: Origins, realm: Realm, scope: Scope) -> None:
        self.rules = rules
        self.origins = origins
        self.realm = realm
        server = scope.get("server")
        # ASGI lets a server give any iterable of two.
        self._scope = {**scope, "server": tuple(server)} if isinstance(server, list) else scope
        #: The headers of the request.
        self.head = Head(scope["headers"])
        self._fields: dict[str, Field] | None = {}

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
            shown = self.head.has(b"cookie")
            self._cookie = read_cookie(self.realm, self.head, https=self.arrival.https) if shown else NO_COOKIE
        return self._cookie

    @property
    def client(self) -> Client:
        """The device that the request comes from, where the realm tracks clients."""
        if self._client is None:
            self._client = UNTRACKED
            if self.realm.config.client_tracking_enabled:
                head, method = self.head, self._scope["method"]
                self._client = recognise(self.realm, head, self.arrival, method, self.origins)
        return self._client

    async def answer_headers(self) -> Sequence[Header]:
        """What the answer carries: the cookies, and that nothing of it may be kept by a cache."""
        tracks = self.realm.config.client_tracking_enabled
        headers = (*self.headers, *self.remembered)
        headers = (*headers, *await self._client_headers()) if tracks else headers
        return (*headers, NO_STORE) if headers or self._opened else ()

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
            await self.rules.audit.refused("cookie.ambiguous", self.arrival.address, realm=self.realm.id)
        elif cookie.present:
            await self._open(cookie.handle)
        return self.access

    # --- fields ---

    @property
    def known(self) -> Mapping[str, Field]:
        """The fields as this request knows them without asking the store; raises :class:`SessionNotLoaded`."""
        if self.preloaded and not self.cookie.present:
            self._opened = True
        if not self._opened or self._fields is None:
            raise SessionNotLoaded
        return self._fields

    async def read(self, *, anew: bool = False) -> Mapping[str, Field]:
        """The fields as this request sees them; ``anew``: as the store has them now."""
        if anew and self.access is not None:
            self._fields = None
        access = self.access if self._opened else await self.open()
        if self._fields is None and access is not None:
            self._fields = dict(await self.rules.sessions.fields(access))
        return self._fields or {}

    async def write(self, ops: Sequence[Op]) -> Changed:
        """Apply all of ``ops`` or none; the first write of a client without a session begins one.

        Raises the reason for which a session that was shown cannot be opened: it is never replaced in silence.
        """
        access = self.access if self._opened else await self.open()
        if access is None:
            return await self._begin(ops)
        changed = await self.rules.sessions.change(access, ops)
        self._fields = None if self._fields is None else remember(self._fields, ops, changed)
        return changed

    async def save(self, draft: Draft) -> None:
        """Save what ``draft`` has changed; one that was cleared ends the session, what was set after that begins another.

        Raises ``SessionConflict``.
        """
        if draft.cleared:
            await self.end()
        await save(draft, self.write)
        draft.cleared = False

    # --- identity ---

    async def rotate(self, user: str | None = None) -> None:
        """A new secret and epoch for the same session; all its fields stay. Begins one where there is none.

        ``user``: whom the application itself has logged in, empty = nobody any more, None = as before.
        """
        self.may_set_cookie()
        access = await self.open()
        before = access.session.identity if access else _NOBODY
        identity = before if user is None else self._user(user)
        if access is None:
            await self._begin((), identity)
            return
        begun = await self.rules.sessions.rotate(access, identity, self.device, keep=None)
        await self.adopt(begun.handle)

    async def end(self) -> None:
        """End the session for good and let the browser forget it, a dead one too, but never for another site."""
        access = await self.open()
        if isinstance(self.lost, SessionReplaced):
            raise self.lost  # it lives on, with the secret of another answer
        if access is not None:
            await self.rules.sessions.end(access)
            self.access, self._fields = None, {}
        self.lost = None
        if self.cookie.present and not self.answering and self._ours():
            name = cookie_name(self.realm.name, secure=self.arrival.https)
            self.headers = (expire_session_cookie(name), _CLEAR)

    def keep_cookie(self, seconds: int) -> None:
        """Let the browser keep the session cookie for ``seconds``, at most as long as the session can live.

        Without this it forgets the cookie when it is closed.
        """
        access, handle = self.access, self.cookie.handle
        if access is None or (handle is None and not self.headers):
            return
        name = cookie_name(self.realm.name, secure=self.arrival.https)
        kind, value = self.headers[0] if self.headers or handle is None else set_session_cookie(name, handle)
        left = max(0, access.session.absolute - self.rules.clock.now()) // SECOND
        self.headers = ((kind, b"%s; Max-Age=%d" % (value, min(seconds, left))),)

    # --- parts ---

    @property
    def arrival(self) -> Arrival:
        """How the request arrived; raises ``MisdirectedRequest`` where no session can be on this host."""
        if self._arrival is None:
            arrival = self.origins.arrival(self._scope, self.head)
            check_realm_host(self.realm, arrival)
            self._arrival = arrival
        return self._arrival

    async def _client_headers(self) -> tuple[Header, ...]:
        try:
            client = self.client
        except SojournError:
            # Not our host: no cookie of ours belongs there, and what the application answers is its own affair.
            return ()
        if client.ambiguous:
            await self.rules.audit.refused("cookie.ambiguous", self.arrival.address, realm=self.realm.id)
        return client.headers

    @property
    def device(self) -> Device:
        """The client, as a session that it begins remembers it."""
        return device(self.head, self.arrival, self.client.id)

    def _user(self, name: str) -> Identity:
        return external_identity(_SPACE, name, (), "", self.rules.clock.now()) if name else _NOBODY

    def _ours(self) -> bool:
        if self._is_ours is None:
            self._is_ours = crosssite.is_ours(self.head, self.arrival)
        return self._is_ours

    async def _open(self, handle: SessionHandle | None) -> None:
        try:
            if handle is None:
                raise SessionUnknown
            access = await self.rules.sessions.open(self.realm, handle, "cookie")
        except Unauthorized as error:
            self.lost = error
            await self.rules.audit.refused(error.code, self.arrival.address, realm=self.realm.id)
            return
        if self.rules.sessions.touch_due(access):
            await self.rules.sessions.touch(access)
        self._hold(access if self._ours() else replace(access, read_only=True))

    def _hold(self, access: Access) -> None:
        self.access = access
        self._fields = None if access.shared else dict(access.fields)

    async def _begin(self, ops: Sequence[Op], identity: Identity = _NOBODY) -> Changed:
        if self.lost is not None:
            raise self.lost
        self.may_set_cookie()
        applied = apply(ops, {}, self.realm.limits)
        first = {name: text for name, text in applied.writes.items() if text is not None}
        begun = await self.rules.sessions.begin(self.realm, identity, self.device, fields=first)
        await self.adopt(begun.handle)
        return Changed(_FIRST_VERSION, applied.values)

    async def adopt(self, handle: SessionHandle) -> None:
        """Go on with the session that ``handle`` opens, and tell the browser."""
        secure = self.origins.secure_cookie(self.arrival)
        name = cookie_name(self.realm.name, secure=secure)
        self.headers = (set_session_cookie(name, handle),)
        self.lost = None
        self._hold(await self.rules.sessions.open(self.realm, handle, "cookie"))

    def may_set_cookie(self) -> None:
        """Raise ``ResponseAlreadySent``, ``CrossSiteWrite`` or ``InsecureCookie`` where the answer can set no cookie."""
        if self.answering:
            raise ResponseAlreadySent
        if not self._ours():
            raise CrossSiteWrite
        self.origins.secure_cookie(self.arrival)
