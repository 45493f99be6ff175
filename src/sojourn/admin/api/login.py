"""Operators log in and out, and ask who they are."""

from __future__ import annotations

from sojourn.admin.answers import Done, LoggedIn, Me, Rights
from sojourn.admin.authority import Authority, cookie_name
from sojourn.admin.inputs import Credentials
from sojourn.admin.operation import ANYONE, Asked, Reply, operation
from sojourn.admin.shapes import Nothing
from sojourn.core.clock import iso
from sojourn.core.errors import LoginBusy
from sojourn.http.cookies import expire_session_cookie, read_session_cookie, set_session_cookie
from sojourn.http.devices import ADMIN, named, remembering, shown_device
from sojourn.http.errors import InsecureCookie, LoginRefused, UnsupportedMediaType
from sojourn.http.wire import Header

_CLEAR: Header = (b"clear-site-data", b'"cache"')


@operation(
    "POST",
    "/login",
    needs=ANYONE,
    body=Credentials,
    answer=LoggedIn,
    raises=(LoginRefused, UnsupportedMediaType, InsecureCookie, LoginBusy),
)
async def login(asked: Asked[Nothing, Credentials]) -> Reply:
    """Log in as an operator.

    An account of the directory `main` that has a scope beginning with `engine.` or `security.` in any realm. Every
    refusal has the same answer. The answer sets the cookie of the admin origin too; a request then shows the cookie or the
    token, never both.
    """
    plane, call = asked.plane, asked.call
    secure = plane.origins.secure_cookie(call.arrival)
    current = await Authority(plane.rules, plane.operators).current(call)
    shown = shown_device(call, ADMIN)
    done = await plane.operators.login(asked.body.user_name, asked.body.password, call.device, current, shown)
    if done is None:
        raise LoginRefused
    realm = plane.operators.realm
    expires = min(done.session.absolute, plane.rules.clock.now() + realm.config.token_lifetime)
    issued = await plane.rules.tokens.issue(realm, done.session, scope=None, expires_at=expires)
    answer = LoggedIn(token=issued.token, expires_at=iso(issued.expires_at))
    device = await plane.rules.throttling.mark(done.account.directory, done.account.key, named(shown))
    remembered = remembering(call, plane.origins, ADMIN, device)
    return Reply(answer, (set_session_cookie(cookie_name(secure=secure), done.handle), *remembered))


@operation("POST", "/logout", answer=Done)
async def logout(asked: Asked[Nothing, Nothing]) -> Reply:
    """End the operator's own session: its cookie and its token are dead."""
    call, access = asked.call, asked.acting.access
    await asked.plane.rules.sessions.end(access, "logout", address=call.arrival.address)
    name = cookie_name(secure=call.arrival.https)
    shown = read_session_cookie(call.head.all(b"cookie"), name)
    expired = (expire_session_cookie(name),) if shown.present else ()
    return Reply(Done(), (_CLEAR, *expired))


@operation("GET", "/me", answer=Me)
async def me(asked: Asked[Nothing, Nothing]) -> Me:
    """Who is logged in, with the scopes of this moment by realm."""
    operator = asked.acting
    session = operator.access.session
    return Me(
        name=operator.name,
        session_id=session.id,
        created=iso(session.created),
        ends_at=iso(session.absolute),
        everywhere=sorted(operator.everywhere),
        realms=[Rights(realm=name, scopes=sorted(held)) for name, (_, held) in operator.in_realm.items() if held],
    )
