"""Client addresses, and the neighbourhoods by which they are counted."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


@lru_cache(maxsize=4096)
def address_block(address: str) -> str:
    """The neighbourhood of a client: its /24 (IPv4, also mapped) or /64 (IPv6); the text itself when it is neither."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
    return str(ip_network((mapped, 24 if isinstance(mapped, IPv4Address) else 64), strict=False))
