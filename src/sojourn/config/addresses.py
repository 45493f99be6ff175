"""Addresses in settings: hosts, origins, listeners, networks, store URLs. Each function raises :class:`BadAddress`."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

from sojourn.core.errors import SojournError

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_HOST = 253

#: What each store may be kept in, in this version.
AVAILABLE = {
    "session": ("memory", "sqlite", "postgresql", "valkey", "redis", "valkeys", "rediss"),
    "engine": ("sqlite", "postgresql"),
    "application": ("sqlite", "postgresql"),
}
_VALKEY = ("valkey", "redis", "valkeys", "rediss")


class BadAddress(SojournError):
    """The address cannot be used."""

    code = "config.bad_address"


class Listen(NamedTuple):
    """Where a listener is bound."""

    host: str
    port: int


class StoreUrl(NamedTuple):
    """A store's URL, taken apart."""

    #: ``valkey`` also stands for ``redis`` and for both with TLS.
    scheme: Literal["memory", "sqlite", "postgresql", "valkey"]
    #: The database file of ``sqlite``, absolute; None for the others.
    path: Path | None


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Whether ``host`` is a name or an address of this very machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost")


def check_host(host: str) -> str:
    """``host`` itself, when it is a host name or an IP address."""
    if not _is_address(host) and (_HOST.fullmatch(host) is None or len(host) > _MAX_HOST):
        raise BadAddress(f"{host[:80]!r} is neither an IP address nor a host name")
    return host


def parse_origin(url: str) -> str:
    """An http(s) URL of scheme, host and port as browsers write it: lower case, without the default port."""
    parts = _split(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise BadAddress("expected http://HOST or https://HOST, with :PORT where it is not the default one")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "?" in url or "#" in url:
        raise BadAddress("an origin has no path, query or fragment")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("an origin has no user name or password")
    host = bracketed(check_host(parts.hostname))
    port = _port(parts)
    return f"{parts.scheme}://{host}" + ("" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}")


def parse_listen(url: str) -> Listen:
    """Where ``http://HOST:PORT`` listens."""
    parts = _split(url)
    if parts.scheme != "http" or not parts.hostname or _port(parts) is None:
        raise BadAddress("expected http://HOST:PORT")
    if url.rstrip("/").lower() != f"http://{parts.netloc}".lower() or "@" in parts.netloc:
        raise BadAddress("expected http://HOST:PORT and nothing more")
    return Listen(check_host(parts.hostname), _port(parts) or 0)


def check_network(text: str) -> str:
    """The IP network or address ``text`` in its usual form: ``10.0.0.0/8``."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        wider = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise BadAddress(f"{text[:80]!r} is not an IP network like 10.0.0.0/8") from None
    raise BadAddress(f"{text!r} names one host in a network; write {wider} or the address alone")


def parse_store_url(store: str, url: str, project: Path) -> StoreUrl:
    """The URL of ``store`` (``session``, ``engine``, ``application``); files are relative to ``project``."""
    scheme = url.partition(":")[0]
    available = AVAILABLE[store]
    if scheme not in available:
        raise BadAddress(f"store {scheme[:40]!r} is not known; there is {', '.join(map(_example, available))}")
    if scheme == "postgresql":
        return StoreUrl("postgresql", None)
    if scheme in _VALKEY:
        from sojourn.config.valkey_url import parse_valkey_url

        parse_valkey_url(url)
        return StoreUrl("valkey", None)
    if scheme == "memory":
        if url != "memory://":
            raise BadAddress("memory:// has no path or options")
        return StoreUrl("memory", None)
    return StoreUrl("sqlite", _sqlite_file(url, project))


def bracketed(host: str) -> str:
    """``host`` as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _split(url: str) -> SplitResult:
    if not url.isascii() or any(char <= " " or char in '\\"' for char in url):
        raise BadAddress("a URL has no blanks and only ASCII characters; write other names in their xn-- form")
    try:
        return urlsplit(url)
    except ValueError:
        raise BadAddress("this is not a URL") from None


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise BadAddress("a port is a number from 1 to 65535")
    return port


def _example(scheme: str) -> str:
    return {"memory": "memory://", "sqlite": "sqlite:///FILE"}.get(scheme, f"{scheme}://…")


def _sqlite_file(url: str, project: Path) -> Path:
    name = url.removeprefix("sqlite:///")
    if name == url or not name or "?" in name or "#" in name or "%" in name or name.endswith("/") or "\0" in name:
        raise BadAddress("expected sqlite:///FILE (from the project folder) or sqlite:////ABSOLUTE/FILE, no options")
    return Path(project, name).absolute()
