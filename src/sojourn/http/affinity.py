"""Affinity: the cookie by which a balancer brings a client back to the engine that holds its environment."""

from __future__ import annotations

from sojourn.core.ids import new_token
from sojourn.http.errors import InsecureCookie
from sojourn.http.origin import Arrival, Origins
from sojourn.http.wire import Head, Header
from sojourn.model.realm import Realm

NAME = b"serverId"


class ServerId:
    """The value of one run of the engine, the same in all its processes.

    A new run has a new one, so that balancers forget the affinity to the old. It says nothing of the engine and opens
    nothing.
    """

    def __init__(self, value: str = "") -> None:
        #: The name of this run.
        self.run = value or new_token()
        self._pair = b"%s=%s" % (NAME, self.run.encode())

    def due(self, realm: Realm, head: Head, arrival: Arrival, origins: Origins) -> tuple[Header, ...]:
        """What the answer to a request needs: the cookie, in a stateful realm, unless the client has shown this value."""
        if not realm.stateful or any(pair == self._pair for pair in _pairs(head)):
            return ()
        return self.update(realm, arrival, origins)

    def update(self, realm: Realm, arrival: Arrival, origins: Origins) -> tuple[Header, ...]:
        """``Set-Cookie`` with this value; none where it could be read on the way."""
        return self._cookie(self._pair, realm, arrival, origins)

    def clear(self, realm: Realm, arrival: Arrival, origins: Origins) -> tuple[Header, ...]:
        """``Set-Cookie`` that removes it, so that the balancer picks another engine.

        Never while a stateful session of the client lives: its environment is in this engine.
        """
        gone = NAME + b"=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        return self._cookie(gone, realm, arrival, origins)

    @staticmethod
    def _cookie(text: bytes, realm: Realm, arrival: Arrival, origins: Origins) -> tuple[Header, ...]:
        if realm.config.cross_site_clients:
            # Browsers take SameSite=None with Secure only.
            attributes = b"; SameSite=None; Secure"
        else:
            try:
                attributes = b"; SameSite=Lax; Secure" if origins.secure_cookie(arrival) else b"; SameSite=Lax"
            except InsecureCookie:
                return ()
        return ((b"set-cookie", text + b"; Path=/; HttpOnly" + attributes),)


def _pairs(head: Head) -> list[bytes]:
    return [pair.strip(b" ") for header in head.all(b"cookie") for pair in header.split(b";")]
