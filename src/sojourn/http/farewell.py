"""What a browser is told when a session of its own has ended by its own wish."""

from __future__ import annotations

from sojourn.http.call import Call
from sojourn.http.cookies import cookie_name, expire_session_cookie
from sojourn.http.handles import read_cookie
from sojourn.http.wire import Header
from sojourn.model.realm import Realm

_CLEAR = {"cache": b'"cache"', "storage": b'"cache", "storage"'}


def farewell(call: Call, realm: Realm, sid: str) -> tuple[Header, ...]:
    """The headers of the answer that ended session ``sid``: cached answers go, and so does the cookie of it.

    The cookie of another session, beside a token, stays.
    """
    clear: Header = (b"clear-site-data", _CLEAR[realm.config.clear_site_data])
    shown = read_cookie(realm, call.head, https=call.arrival.https)
    if shown.handle is None or shown.handle.id != sid:
        return (clear,)
    return clear, expire_session_cookie(cookie_name(realm.name, secure=call.arrival.https))
