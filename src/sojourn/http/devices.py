"""The device cookie: by it an account knows again where it was logged in before, and gives that device tries of its own.

It gives identity to nobody and opens nothing: while others try passwords of the account from elsewhere, its own user is
not slowed down. Its value is the name of the device and one signature for each account that was logged in on it. Where the
realm tracks clients, the device is the client, and the value is good only beside the client's own cookie.
"""

from __future__ import annotations

import re
from typing import Protocol

from sojourn.core.clock import DAY, SECOND
from sojourn.core.ids import new_token
from sojourn.engine.passwords.throttling import MOST_MARKS, NO_DEVICE, ShownDevice, Throttling
from sojourn.http.clients import Client
from sojourn.http.cookies import read_cookie_value
from sojourn.http.errors import InsecureCookie
from sojourn.http.origin import Arrival, Origins
from sojourn.http.wire import Head, Header
from sojourn.model.realm import Realm
from sojourn.model.user import Account

#: How long a browser keeps the cookie, in seconds: the most that browsers grant.
MAX_AGE = 400 * DAY // SECOND

#: Of the admin origin, which no realm has.
ADMIN = b"sojourn_admin_dev"

_VALUE = re.compile(rb"[A-Za-z0-9_-]{43}(?:\.[A-Za-z0-9_-]{22}){1,%d}" % MOST_MARKS)


class Arrived(Protocol):
    """A request, whoever answers it."""

    @property
    def head(self) -> Head:
        """Its headers."""

    @property
    def arrival(self) -> Arrival:
        """How it arrived."""

    @property
    def client(self) -> Client:
        """The client that it comes from, where the realm tracks clients."""


def device_cookie(realm: str) -> bytes:
    """The name of the device cookie of ``realm`` on plain loopback; on HTTPS it has the ``__Host-`` prefix."""
    return b"sojourn_dev." + realm.encode()


def shown_device(call: Arrived, name: bytes) -> ShownDevice:
    """What a request says of its device in the cookie ``name``; nothing where it is not certain which one is ours."""
    value = read_cookie_value(call.head.all(b"cookie"), _full(name, secure=call.arrival.https)).value
    if value is None or not _VALUE.fullmatch(value):
        return NO_DEVICE._replace(id=call.client.id)
    device, *marks = value.decode().split(".")
    if call.client.id and call.client.id != device:
        return NO_DEVICE._replace(id=call.client.id)
    return ShownDevice(device, tuple(marks))


def named(device: ShownDevice) -> ShownDevice:
    """``device`` with a name, new where it has none."""
    return device if device.id else ShownDevice(new_token())


def remembering(call: Arrived, origins: Origins, name: bytes, device: ShownDevice) -> tuple[Header, ...]:
    """``Set-Cookie`` of the device; none where it could be read on the way."""
    try:
        secure = origins.secure_cookie(call.arrival)
    except InsecureCookie:
        return ()
    value = ".".join((device.id, *device.marks)).encode()
    attributes = b"; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s" % (MAX_AGE, b"; Secure" if secure else b"")
    return ((b"set-cookie", b"%s=%s%s" % (_full(name, secure=secure), value, attributes)),)


async def remember(
    throttling: Throttling, origins: Origins, realm: Realm, call: Arrived, account: Account
) -> tuple[Header, ...]:
    """The device cookie, with the account that has just proved itself on this device; none where no cookie can be set."""
    if not remembers(realm):
        return ()
    name = device_cookie(realm.name)
    device = await throttling.mark(account.directory, account.key, named(shown_device(call, name)))
    return remembering(call, origins, name, device)


def remembers(realm: Realm) -> bool:
    """Whether ``realm`` sets the cookie: not for clients of other sites, whose browsers would not send it."""
    return not realm.config.cross_site_clients


def _full(name: bytes, *, secure: bool) -> bytes:
    return b"__Host-" + name if secure else name
