"""Client tracking: the cookie by which a realm with ``clientTrackingEnabled`` knows a device again.

Whoever answers requests of such a realm calls :func:`recognise` once for each request, gives :attr:`Client.id` to the
:class:`~sojourn.model.session.Device` of sessions that it begins or rotates (:func:`sojourn.http.call.device` takes it),
sends :attr:`Client.headers` with the answer, makes an answer with them ``Cache-Control: no-store``, and writes
``cookie.ambiguous`` into the audit log where :attr:`Client.ambiguous` says so. It gives identity to nobody: it names a
device, and whoever copies the cookie has the same name.
"""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

from sojourn.core.clock import DAY, SECOND
from sojourn.core.ids import new_token, secret_hash
from sojourn.http import crosssite
from sojourn.http.cookies import read_cookie_value
from sojourn.http.errors import InsecureCookie
from sojourn.http.origin import Arrival, Origins
from sojourn.http.wire import Head, Header
from sojourn.model.realm import Realm

#: How long a browser keeps the cookie, in seconds: the most that browsers grant.
MAX_AGE = 400 * DAY // SECOND

_VALUE = re.compile(rb"[A-Za-z0-9_-]{43}")


class Client(NamedTuple):
    """The device that a request comes from."""

    #: SHA-256 of the cookie's value as base64url, so that no list and no log holds what a browser shows; empty where
    #: the realm does not track, and where it is not certain which cookie is ours.
    id: str = ""
    #: ``Set-Cookie`` for a device that came without one.
    headers: tuple[Header, ...] = ()
    #: Two cookies of our name, or one that only looks like it: no client, and an audit event.
    ambiguous: bool = False


UNTRACKED = Client()


def client_cookie(realm: str) -> bytes:
    """The name of the client cookie of ``realm``, the same on HTTPS and on plain loopback."""
    return b"sojourn_cid." + realm.encode()


def recognise(realm: Realm, head: Head, arrival: Arrival, method: str, origins: Origins) -> Client:
    """The device of a request to ``realm``; one that comes without the cookie gets it with the answer.

    A request of another site brings no cookie of ours (SameSite), so its answer sets none: it would replace the one
    that the browser has. Nor is one set where it could be read on the way.
    """
    if not realm.config.client_tracking_enabled:
        return UNTRACKED
    name = client_cookie(realm.name)
    found = read_cookie_value(head.all(b"cookie"), name)
    if found.ambiguous:
        return Client(ambiguous=True)
    if found.value is not None and _VALUE.fullmatch(found.value):
        return Client(_client_id(found.value.decode()))
    if _foreign(head, arrival, method):
        return UNTRACKED
    try:
        secure = origins.secure_cookie(arrival)
    except InsecureCookie:
        return UNTRACKED
    value = new_token()
    return Client(_client_id(value), (_set(name, value, secure=secure),))


def _foreign(head: Head, arrival: Arrival, method: str) -> bool:
    """Whether a browser says that another site asks, other than by a link that it followed."""
    told = head.has(b"sec-fetch-site") or head.has(b"origin")
    if not told or crosssite.is_ours(head, arrival):
        return False
    return method not in crosssite.SAFE_METHODS or head.get(b"sec-fetch-mode") != b"navigate"


def _client_id(value: str) -> str:
    return base64.urlsafe_b64encode(secret_hash(value)).rstrip(b"=").decode()


def _set(name: bytes, value: str, *, secure: bool) -> Header:
    attributes = b"; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s" % (MAX_AGE, b"; Secure" if secure else b"")
    return (b"set-cookie", b"%s=%s%s" % (name, value.encode(), attributes))
