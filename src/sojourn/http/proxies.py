"""What a proxy in front of the engine says about the client, and whether it is listened to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from sojourn.config.addresses import is_loopback
from sojourn.core.errors import BadRequest
from sojourn.http.errors import UntrustedProxy
from sojourn.http.wire import Head

#: The headers in which a proxy speaks of the client.
FORWARDING = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})
_SCHEMES = (b"http", b"https")


class Forwarding(NamedTuple):
    """What the last listed proxy added; empty where it said nothing."""

    address: str = ""
    scheme: str = ""
    host: bytes = b""


class Proxies:
    """The listed proxies (``trustedProxies``): addresses or networks."""

    def __init__(self, listed: Sequence[str]) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(text, strict=False) for text in listed)
        self._lists = lru_cache(maxsize=1024)(self._look_up)

    def lists(self, address: str) -> bool:
        """Whether ``address`` is a listed proxy."""
        return bool(self._networks) and self._lists(address)

    def forwarding(self, head: Head, peer: str) -> Forwarding | None:
        """What the proxy ``peer`` says of the client; None when nothing, or when ``peer`` is not listed.

        Raises :class:`UntrustedProxy` for an unlisted peer on loopback: there it is a proxy that was forgotten.
        """
        if not head.has_any(FORWARDING):
            return None
        if self.lists(peer):
            return self._read(head, peer)
        if is_loopback(peer):
            raise UntrustedProxy
        return None

    def _read(self, head: Head, peer: str) -> Forwarding:
        x_for = _elements(head, b"x-forwarded-for")
        hops = [_forwarded(element) for element in _elements(head, b"forwarded")]
        address = self._client(x_for, peer) if x_for else ""
        if hops:
            standard = self._client([hop.get(b"for", b"") for hop in hops], peer)
            if address and address != standard:
                raise BadRequest("Forwarded and X-Forwarded-For do not agree")
            address = standard
        last = hops[-1] if hops else {}
        scheme = _last(head, b"x-forwarded-proto") or last.get(b"proto", b"")
        host = _last(head, b"x-forwarded-host") or last.get(b"host", b"")
        scheme = scheme.lower()
        if scheme and scheme not in _SCHEMES:
            raise BadRequest("the forwarded scheme is neither http nor https")
        return Forwarding(address or peer, scheme.decode(), host)

    def _client(self, hops: Sequence[bytes], peer: str) -> str:
        """The nearest hop that is not a listed proxy."""
        address = peer
        for hop in reversed(hops):
            address = _node(hop)
            if not self.lists(address):
                return address
        return address

    def _look_up(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
        return any((mapped or parsed) in network for network in self._networks)


def _elements(head: Head, name: bytes) -> list[bytes]:
    return [element.strip(b" \t") for value in head.all(name) for element in value.split(b",")]


def _last(head: Head, name: bytes) -> bytes:
    elements = _elements(head, name)
    return elements[-1] if elements else b""


def _forwarded(element: bytes) -> dict[bytes, bytes]:
    pairs = (pair.partition(b"=") for pair in element.split(b";"))
    return {name.strip(b" \t").lower(): value.strip(b' \t"') for name, _, value in pairs}


def _node(hop: bytes) -> str:
    """The IP address in ``1.2.3.4``, ``1.2.3.4:80``, ``[::1]:80`` or ``::1``; ``unknown`` for anything else."""
    text = hop.decode("ascii", "replace").strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return "unknown"
