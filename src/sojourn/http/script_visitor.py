"""The session of a request to a script route, and how its client keeps it.

A session record begins with the first write, login or environment of its own, not with a visit: until then a visitor has
a session without a record. Whatever makes a new handle in a script, the answer carries it: as a cookie, or as
``x-session-id`` where the realm has sessions without cookies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from msgspec.structs import replace

from sojourn.core.errors import (
    AmbiguousCredentials,
    CrossSiteWrite,
    Forbidden,
    ResponseAlreadySent,
    SessionReplaced,
    SojournError,
    TransientSession,
    Unauthorized,
)
from sojourn.core.ids import SessionHandle, parse_handle
from sojourn.engine.access import Access, Via
from sojourn.engine.identities import NewIdentity
from sojourn.engine.live import Fields, Session
from sojourn.engine.rules import Rules
from sojourn.http import crosssite, handles
from sojourn.http.call import Call
from sojourn.http.cookies import cookie_name, expire_session_cookie, set_session_cookie
from sojourn.http.errors import InsecureCookie
from sojourn.http.handles import Shown
from sojourn.http.opening import Opener
from sojourn.http.origin import Origins
from sojourn.http.wire import Header
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.model.session import Identity
from sojourn.model.token import ScriptChain
from sojourn.scripting.routes.model import RouteDef

_NOBODY = Identity()
#: By which a browser says where a request comes from.
_TELLING = frozenset({b"sec-fetch-site", b"origin"})
_DOTS_OF_A_JWT = 2


class PrincipalRefused(Forbidden):
    """The route is not for this kind of principal."""

    code = "route.principal"


class Visitor:
    """Who calls a route, and the session that a script acts as."""

    session: VisitorSession

    def __init__(self, rules: Rules, origins: Origins, opener: Opener, call: Call, realm: Realm) -> None:
        self._rules = rules
        self._origins = origins
        self._opener = opener
        self._call = call
        self._realm = realm
        #: Whether a session that begins here can be given to the client.
        self._keeps = realm.cookies_authenticate or handles.takes_parameters(realm)
        self._via: Via = "cookie" if realm.cookies_authenticate else "header"
        self._ours = crosssite.is_ours(call.head, call.arrival)
        #: Whether the script has taken the new handle to hand it over itself.
        self._taken = False
        #: Why the session that the client shows cannot be opened, None when it can.
        self.lost: Unauthorized | None = None
        #: Whether the answer is on its way: it carries no handle any more.
        self.answered: Callable[[], bool] = lambda: False
        #: Whether ``Authorization`` was looked at: it is a credential then.
        self.consumed = False
        #: How the client came by its session, None where it has none.
        self.came_by: Via | None = None

    async def open(self, route: RouteDef, scripts: ScriptChain, form: str | None) -> None:
        """Open the session of the request.

        ``scripts`` are those that serve the route, for a token that only some scripts may use; ``form`` is ``ngin_sid``
        of a form. Raises what :class:`Opener` raises, :class:`PrincipalRefused`, and what keeps a session from beginning.
        """
        access = await (self._authenticated(route, scripts, form) if route.requires_auth else self._shown(form))
        if access is None:
            await self._welcome()
            return
        self.came_by = access.via
        self.session = VisitorSession(self._rules, access, self)
        if route.touch and self._rules.sessions.touch_due(access):
            await self._rules.sessions.touch(access)

    # --- what the execution asks for ---

    def before_identity(self) -> None:
        """Raise where the client could not be given the session's new handle: see ``Run.changing_identity``.

        What ``Authorization`` opens is asked for at each request, so nothing is to be given there.
        """
        if self.session.access.read_only:
            raise CrossSiteWrite
        if self._realm.cookies_authenticate and not self.consumed:
            if not self._ours:
                raise CrossSiteWrite
            self._origins.secure_cookie(self._call.arrival)

    async def record(self) -> None:
        """Begin the session of a visitor who has none yet, where the client can keep it: see ``Run.record``.

        Raises as ``Sessions.begin``, as :meth:`before_identity`, and ``ResponseAlreadySent``: then the visitor is nobody.
        """
        session = self.session
        if session.access.transient is None or self.consumed or not self._keeps:
            return
        access = session.access
        try:
            if self.answered():
                raise ResponseAlreadySent
            self.before_identity()
            identity = access.session.identity
            begun = await self._rules.sessions.begin(
                self._realm, identity, self._call.device, authenticated=access.account
            )
        except SojournError:
            session.adopt(NewIdentity(self._nobody(), None))
            raise
        await self._adopt(begun.handle)

    async def forget(self) -> None:
        """End a session that began for a login which was refused: nobody has its handle."""
        if self.session.access.transient is None:
            await self._rules.sessions.end(self.session.access, "token-revoked")
            self.session.adopt(NewIdentity(self._nobody(), None))

    def take_handle(self) -> str:
        """The new handle of the session as text, once, where the client does not keep it in a cookie."""
        handle = self.session.handle
        if handle is None or self._taken or not handles.takes_parameters(self._realm):
            return ""
        self._taken = True
        return str(handle)

    # --- what the answer carries ---

    async def settle(self) -> None:
        """End what nothing leads to any more: a session that came by a JWT, when nobody is logged in or no cookie can be.

        The session of a JWT has no other life.
        """
        access = self.session.access
        if self.came_by != "jwt" or self.session.handle is None:
            return
        if access.kind == "anonymous" or not (self._may_set_cookie() or handles.takes_parameters(self._realm)):
            self.session.handle = None
            # It may have ended by itself, which is what its client is told.
            with suppress(Unauthorized):
                await self._rules.sessions.end(access, "logout")

    def headers(self, *, ended: bool) -> tuple[Header, ...]:
        """How the client is given the new handle of its session, or told that it can forget the old one.

        ``ended``: whether the session is over with this answer.
        """
        handle = None if ended else self.session.handle
        if self._realm.cookies_authenticate:
            name = cookie_name(self._realm.name, secure=self._call.arrival.https)
            if handle is not None and self._may_set_cookie():
                return (set_session_cookie(name, handle),)
            gone = ended or (self.lost is not None and self.session.handle is None)
            return (expire_session_cookie(name),) if gone and self._ours else ()
        if handle is not None and not self._taken and handles.takes_parameters(self._realm):
            return ((b"x-session-id", str(handle).encode()),)
        return ()

    # --- parts ---

    async def _authenticated(self, route: RouteDef, scripts: ScriptChain, form: str | None) -> Access:
        self.consumed = self._call.head.has(b"authorization")
        if form is not None:
            access = await self._by_form(form)
        else:
            access = await self._opener.open(self._call, self._realm, basic=True, scripts=scripts)
        if access.kind == "anonymous":
            raise Unauthorized
        if access.kind not in route.principals:
            raise PrincipalRefused
        return access

    async def _shown(self, form: str | None) -> Access | None:
        """The session of a cookie, header or parameter; None without one, and where it cannot be opened."""
        call, realm = self._call, self._realm
        if form is None:
            shown = handles.session_handle(realm, call.head, call.query, https=call.arrival.https)
            if shown.cookie.ambiguous:
                await self._opener.note_cookie(call, realm)
            if not shown.present:
                return None
        try:
            return await (self._opener.by_handle(call, realm, shown) if form is None else self._by_form(form))
        except SessionReplaced:
            # Another answer, perhaps still on its way, has the new one.
            raise
        except Unauthorized as error:
            self.lost = error
            await self._rules.audit.refused(error.code, call.arrival.address, realm=realm.id)
            return None

    async def _by_form(self, form: str) -> Access:
        call, realm = self._call, self._realm
        shown = handles.shown(realm, call.head, call.query, https=call.arrival.https, basic=True)
        if shown.anything:
            raise AmbiguousCredentials
        return await self._opener.by_handle(
            call, realm, Shown(handle=parse_handle(form), via="parameter", present=True)
        )

    async def _welcome(self) -> None:
        """Who shows nothing: with a session of its own where the environment needs one, unless another site asks."""
        self.session = VisitorSession(self._rules, self._nobody(), self)
        if not self._realm.stateful or not self._keeps or self.lost is not None or self._told_foreign():
            return
        if self._realm.cookies_authenticate:
            self._origins.secure_cookie(self._call.arrival)
        begun = await self._rules.sessions.begin(self._realm, _NOBODY, self._call.device)
        await self._adopt(begun.handle)

    def _nobody(self) -> Access:
        return self._rules.sessions.transients.open_nobody(
            self._realm, self._call.device, self._via, read_only=self._realm.cookies_authenticate and not self._ours
        )

    async def _adopt(self, handle: SessionHandle) -> None:
        access = await self._rules.sessions.open(self._realm, handle, self._via)
        read_only = self._realm.cookies_authenticate and not self._ours
        self.session.adopt(NewIdentity(replace(access, read_only=read_only), handle))

    def _told_foreign(self) -> bool:
        """Whether a browser says that another site asks."""
        head = self._call.head
        return self._realm.cookies_authenticate and not self._ours and head.has_any(_TELLING)

    def _may_set_cookie(self) -> bool:
        try:
            self._origins.secure_cookie(self._call.arrival)
        except InsecureCookie:
            return False
        return self._realm.cookies_authenticate and not self._told_foreign()


class VisitorSession(Session):
    """The session of a request: of a visitor without a record the fields are there, and empty."""

    def __init__(self, rules: Rules, access: Access, visitor: Visitor) -> None:
        super().__init__(rules, access)
        self._visitor = visitor
        if access.transient is not None and not visitor.consumed:
            self.fields = Fields(_NothingYet())

    async def login_by_auth_token(self, text: str, *, scripts: ScriptChain = ()) -> None:
        """See :meth:`Session.login_by_auth_token`. An ID token vouches for a session, which begins before."""
        if text.count(".") == _DOTS_OF_A_JWT and self.access.transient is not None:
            await self._visitor.record()
            try:
                await super().login_by_auth_token(text, scripts=scripts)
            except SojournError:
                await self._visitor.forget()
                raise
            return
        await super().login_by_auth_token(text, scripts=scripts)


class _NothingYet:
    """The fields of a session that has not begun."""

    async def read(self) -> Mapping[str, Field]:
        """None."""
        return {}

    async def write(self, ops: Sequence[Op]) -> Changed:  # noqa: ARG002 - the port's signature
        """Raises ``TransientSession``: where a write can begin a session, it has begun before."""
        raise TransientSession
