"""Where a request comes from: host, scheme and client address, from the socket or a listed proxy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from sojourn.config.addresses import is_loopback
from sojourn.core.errors import BadRequest
from sojourn.http.errors import InsecureCookie, MisdirectedRequest
from sojourn.http.proxies import FORWARDING, Forwarding, Proxies
from sojourn.http.wire import Head, Scope
from sojourn.model.realm import Realm

#: What a loopback listener is called, besides ``publicUrl``.
_LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
#: How many different arrivals are remembered before they are checked anew.
_MAX_KNOWN = 4096
_PORTS = {"http": 80, "https": 443}


class Arrival(NamedTuple):
    """How a request reached the engine; all of it checked."""

    #: ``Host`` without the scheme's own port, in lower case.
    host: str
    https: bool
    #: Address of the client: the socket's, or what a listed proxy added.
    address: str
    #: Whether socket and Host are loopback, with no proxy between.
    loopback: bool

    @property
    def origin(self) -> bytes:
        """Our own origin, as a browser would write it."""
        return f"{'https' if self.https else 'http'}://{self.host}".encode()


class Origins:
    """The hosts that are answered, and how requests for them arrive."""

    def __init__(self, public_url: str, trusted_proxies: Iterable[str], realm_hosts: Iterable[str] = ()) -> None:
        url = urlsplit(public_url)
        self._public = _without_port(url.netloc.lower(), url.scheme)
        self._public_loopback = is_loopback(url.hostname or "")
        self._realm_hosts = frozenset(host.lower() for host in realm_hosts)
        self._proxies = Proxies(tuple(trusted_proxies))
        self._known: dict[object, Arrival] = {}

    def arrival(self, scope: Scope, head: Head) -> Arrival:
        """Check host and proxies of a request.

        Raises ``MisdirectedRequest`` (not our host), ``UntrustedProxy``, ``BadRequest`` (no host, or two).
        """
        client, server = scope.get("client"), scope.get("server")
        peer = client[0] if client else ""
        if head.has_any(FORWARDING):
            return self._arrive(scope, head, peer, self._proxies.forwarding(head, peer))
        key = (peer, server, scope.get("scheme"), head.get(b"host"))
        known = self._known.get(key)
        if known is None:
            known = self._arrive(scope, head, peer, None)
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[key] = known
        return known

    def _arrive(self, scope: Scope, head: Head, peer: str, forwarding: Forwarding | None) -> Arrival:
        server = scope.get("server")
        scheme = (forwarding.scheme if forwarding else "") or scope.get("scheme", "http")
        host = _host(head, forwarding.host if forwarding else b"", scheme)
        local = forwarding is None and server is not None and is_loopback(str(server[0]))
        ours = local and server is not None and _name(host) in _LOOPBACK_NAMES and _port(host, scheme) == server[1]
        if not (ours or self._answers(host)):
            raise MisdirectedRequest
        address = forwarding.address if forwarding else peer
        return Arrival(host, scheme == "https", address, local and is_loopback(_name(host)))

    def secure_cookie(self, arrival: Arrival) -> bool:
        """Whether a session cookie set here is Secure.

        Raises ``InsecureCookie`` where it can neither be Secure nor stay on this machine.
        """
        if not arrival.https and not (arrival.loopback and self._public_loopback):
            raise InsecureCookie
        return arrival.https

    def _answers(self, host: str) -> bool:
        return host == self._public or host in self._realm_hosts or _name(host) in self._realm_hosts


def unchecked(scope: Scope) -> Arrival:
    """What the socket alone says of a request that is refused for its host or its proxy."""
    client = scope.get("client")
    return Arrival("", scope.get("scheme") == "https", client[0] if client else "", loopback=False)


def check_realm_host(realm: Realm, arrival: Arrival) -> None:
    """Raise ``MisdirectedRequest`` when ``realm`` names hosts and this is none of them."""
    hosts = realm.config.hosts
    if hosts is None:
        return
    named = {host.lower() for host in hosts}
    if arrival.host not in named and _name(arrival.host) not in named:
        raise MisdirectedRequest


def _host(head: Head, forwarded: bytes, scheme: str) -> str:
    raw = forwarded or head.get(b"host")
    if not raw or not raw.isascii():
        raise BadRequest("exactly one Host header is needed")
    return _without_port(raw.decode("ascii").lower(), scheme)


def _without_port(host: str, scheme: str) -> str:
    suffix = f":{_PORTS.get(scheme, 0)}"
    return host.removesuffix(suffix)


def _name(host: str) -> str:
    return host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]


def _port(host: str, scheme: str) -> int:
    digits = host[len(_name(host)) :].removeprefix(":")
    return int(digits) if digits.isdecimal() and len(digits) <= 5 else _PORTS.get(scheme, 0)  # noqa: PLR2004 - a port
