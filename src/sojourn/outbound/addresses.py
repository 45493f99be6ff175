"""Which addresses may be connected to on somebody's word: public ones, and what an operator has allowed by name.

A host name is resolved once, every address of it is judged, and the connection is made to an address that was judged:
a name that changes its address between two looks gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from sojourn.outbound.errors import AddressRefused, OutboundFailed

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

#: Host and port -> addresses as text, best first.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]

#: Addresses of one host that are tried.
_MOST_TRIED = 4

# IPv6 forms that hold an IPv4 address: who writes one means the address inside, whatever the outside looks like.
_CARRIERS = tuple(
    IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")
)

# Services of clouds for their own machines, metadata among them, at addresses that look public. All of 192.0.0.0/24 is for
# special purposes [RFC 6890], whatever this version of Python takes for global there.
_SERVICES = tuple(ip_network(text) for text in ("168.63.129.16", "192.0.0.0/24"))


def parse_networks(words: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks as a settings file names them; raises ``ValueError``."""
    return tuple(ip_network(word) for word in words)


def refused_kind(address: str, allowed: Sequence[Network] = ()) -> str:
    """What is wrong with connecting to ``address``, in a word; empty when nothing is."""
    try:
        found = ip_address(address)
    except ValueError:
        return "malformed"
    if any(found in network for network in allowed if network.version == found.version):
        return ""
    return _kind(found)


async def judged(
    host: str, port: int, allowed: Sequence[Network], resolver: Resolver, *, plain: bool = False
) -> Sequence[str]:
    """The addresses of ``host`` that may be connected to; ``plain``: without TLS, which stays on this machine.

    Raises :class:`AddressRefused` when there is none, :class:`OutboundFailed` when the name has no address.
    """
    try:
        found = await resolver(host, port)
    except (OSError, UnicodeError) as error:
        raise OutboundFailed(f"{host} has no address") from error
    if not found:
        raise OutboundFailed(f"{host} has no address")
    admitted, first = [], ""
    for address in found:
        kind = refused_kind(address, allowed)
        if not kind and plain and not ip_address(address).is_loopback:
            kind = "remote"
        if not kind:
            admitted.append(address)
        first = first or kind
    if not admitted:
        raise AddressRefused(host, found[0], first)
    return admitted[:_MOST_TRIED]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of ``host`` as this machine resolves it, each once. Raises ``OSError``."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _kind(address: Address) -> str:
    if isinstance(address, IPv6Address):
        if address.is_loopback or address.is_unspecified:
            return "loopback"
        if any(address in network for network in _CARRIERS):
            return "mapped"
        if address.is_site_local or address.scope_id:
            return "link-local"
    kinds = (
        ("loopback", address.is_loopback or address.is_unspecified),
        ("link-local", address.is_link_local),
        ("multicast", address.is_multicast),
        ("metadata", any(address in network for network in _SERVICES if network.version == address.version)),
        ("private", not address.is_global),
        ("reserved", address.is_reserved),
    )
    return next((name for name, holds in kinds if holds), "")
