"""Who the session of a visit acts for, and what its user hands on: what applications have of the identity of a session.

One place for all frameworks: behind the middleware, in Flask, wherever a :class:`~sojourn.http.visit.Visit` is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sojourn.core.errors import SojournError, Unauthorized
from sojourn.engine.fields.draft import Draft
from sojourn.engine.live import Session
from sojourn.http.devices import device_cookie, remember, shown_device
from sojourn.http.visit import Visit
from sojourn.model.session import Identity
from sojourn.model.user import Account

_NOBODY = Identity()

T = TypeVar("T")


async def saved_before(visit: Visit, draft: Draft, act: Callable[[], Awaitable[T]]) -> T:
    """``act``, which changes the identity: what ``draft`` has changed is saved before it, under the old one.

    Where the fields are others after it, ``draft`` forgets what it has read: nothing of one user is seen by the next.
    """
    await visit.save(draft)
    before = dict(await visit.read())
    done = await act()
    if before != await visit.read():
        draft.forget()
    return done


async def login(
    visit: Visit, user_name: str, password: str, *, end_session: str = "", new_password: str | None = None
) -> bool:
    """Log in; False when refused, for every reason alike. Raises as ``Logins.login``, and as :meth:`Visit.may_set_cookie`.

    A device on which the account was logged in before has tries of its own, and a login makes this one such a device.
    """
    visit.may_set_cookie()
    current = await visit.open()
    logged = await visit.rules.logins.login(
        visit.realm,
        user_name,
        password,
        visit.device,
        current=current,
        end_session=end_session,
        shown=shown_device(visit, device_cookie(visit.realm.name)),
        new_password=new_password,
    )
    if logged is None:
        return False
    await visit.adopt(logged.handle)
    await _remember(visit, logged.account)
    return True


async def login_by_auth_token(visit: Visit, text: str) -> None:
    """Log in with an AuthToken, or an ID token of a registered provider; refused, nothing changes.

    Raises ``AuthTokenRefused``, and as :meth:`Visit.may_set_cookie`.
    """
    visit.may_set_cookie()
    access, sessions = await visit.open(), visit.rules.sessions
    if access is not None:
        changed = await visit.rules.identities.login_by_token(access, text)
    else:
        begun = await sessions.begin(visit.realm, _NOBODY, visit.device)
        fresh = await sessions.open(visit.realm, begun.handle, "cookie")
        try:
            changed = await visit.rules.identities.login_by_token(fresh, text)
        except SojournError:
            # Nobody has its handle: a refused token leaves no session behind.
            await sessions.end(fresh, "token-revoked")
            raise
    if changed.handle is not None:
        await visit.adopt(changed.handle)


async def logout(visit: Visit) -> None:
    """End the identity: nobody, no scope, no fields, a new secret; without a session there is nothing to do."""
    visit.may_set_cookie()
    access = await visit.open()
    if access is None:
        return
    changed = await visit.rules.identities.logout(access)
    if changed.handle is not None:
        await visit.adopt(changed.handle)


async def set_password(visit: Visit, new: str, old: str | None = None) -> None:
    """Change the password of the user: the session goes on with a new secret, all others of the account end.

    Raises ``Unauthorized`` for nobody, and as ``Passwords.change`` and :meth:`Visit.may_set_cookie`.
    """
    visit.may_set_cookie()
    access = (await live(visit)).access
    device = shown_device(visit, device_cookie(visit.realm.name))
    done = await visit.rules.passwords.change(access, old, new, address=visit.arrival.address, device=device)
    await visit.adopt(done.handle)
    await _remember(visit, done.account)


async def live(visit: Visit) -> Session:
    """The open session; raises the reason for which what the client shows cannot be opened, ``Unauthorized`` for nothing.

    For what leaves its secret as it is: a new one that is not told to the client locks it out.
    """
    access = await visit.open()
    if access is None:
        raise visit.lost or Unauthorized
    access.writable()
    return Session(visit.rules, access)


async def _remember(visit: Visit, account: Account) -> None:
    visit.remembered = await remember(visit.rules.throttling, visit.origins, visit.realm, visit, account)
