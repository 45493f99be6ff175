"""What a URL says: ``valkey://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…][/DATABASE][?cluster=true&wait=1&ca=FILE]``.

``redis://`` is the same; ``valkeys://`` and ``rediss://`` use TLS. Without a host the path is that of a Unix socket.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from sojourn.config.addresses import BadAddress, is_loopback

_TLS = {"valkey": False, "redis": False, "valkeys": True, "rediss": True}
_PORT = 6379
_MAX_PORT = 65_535
_MAX_WAIT = 9
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the server is, and who asks. Its text form has no password."""

    hosts: tuple[tuple[str, int], ...]
    #: Path of a Unix socket, empty with ``hosts``.
    socket: str = ""
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    cluster: bool = False
    #: How many replicas must have an end, a rotation or the taking of a one-time value before it is answered.
    wait: int = 0
    #: File with the certificates that sign the server's, empty = those of the system.
    ca: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether nothing leaves this machine."""
        return all(is_loopback(host) for host, _ in self.hosts)

    @property
    def text(self) -> str:
        """Where it is, for people: no user, no password."""
        return self.socket or ",".join(f"{host}:{port}" for host, port in self.hosts)


def parse_valkey_url(url: str) -> Place:
    """The place behind ``url``; raises ``BadAddress``, which never repeats the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise BadAddress("this is not a URL of a Valkey or Redis server") from None
    if parts.scheme not in _TLS or parts.fragment:
        raise BadAddress("expected valkey://, redis://, valkeys:// or rediss://")
    who, _, hosts = parts.netloc.rpartition("@")
    user, _, password = who.partition(":")
    unknown = options.keys() - {"cluster", "wait", "ca", "db"}
    if unknown:
        raise BadAddress(f"unknown option {min(unknown)[:40]!r}; there is cluster, wait, ca and db")
    place = Place(
        hosts=tuple(_host(text) for text in hosts.split(",")) if hosts else (),
        socket="" if hosts else unquote(parts.path),
        tls=_TLS[parts.scheme],
        user=unquote(user),
        password=unquote(password),
        database=_number("db", options.get("db") or (parts.path.strip("/") if hosts else "") or "0", 10_000),
        cluster=_flag(options.get("cluster", "false")),
        wait=_number("wait", options.get("wait", "0"), _MAX_WAIT),
        ca=Path(options["ca"]) if options.get("ca") else None,
    )
    _check(place)
    return place


def _check(place: Place) -> None:
    if not place.hosts and not place.socket.strip("/"):
        raise BadAddress("a host or the path of a Unix socket is missing")
    if place.cluster and (place.socket or place.database):
        raise BadAddress("a cluster has no Unix socket and no database but 0")
    if place.socket and place.tls:
        raise BadAddress("TLS needs a host, not a Unix socket")
    if place.ca is not None and not (place.tls and place.ca.is_absolute()):
        raise BadAddress("ca is the absolute path of a file with certificates, for valkeys:// or rediss://")


def _host(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or text.endswith(":"):
        raise BadAddress(f"a host and a port from 1 to {_MAX_PORT} are expected")
    return host, port or _PORT


def _number(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise BadAddress(f"{name} is a number from 0 to {most}")
    return int(text)


def _flag(text: str) -> bool:
    if text not in _FLAGS:
        raise BadAddress("cluster is true or false")
    return _FLAGS[text]
