"""A WSGI request as the engine's rules for origins, proxies and cookies read one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sojourn.http.wire import Header, Scope


def scope_of(environ: Mapping[str, Any]) -> Scope:
    """What the rules need of a request, as it came over the socket: what werkzeug's ``ProxyFix`` has put there is undone.

    Which proxies are believed is for ``trustedProxies`` of the project to say.
    """
    raw = {**environ, **environ.get("werkzeug.proxy_fix.orig", {})}
    return {
        "type": "http",
        "method": raw["REQUEST_METHOD"],
        "scheme": raw["wsgi.url_scheme"],
        "client": (raw.get("REMOTE_ADDR") or "", 0),
        "server": (raw["SERVER_NAME"], int(raw["SERVER_PORT"])),
        "headers": [_header(name, value) for name, value in raw.items() if name.startswith("HTTP_") or name in _BARE],
    }


#: Headers that WSGI keeps without its prefix.
_BARE = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


def _header(name: str, value: Any) -> Header:
    plain = name.removeprefix("HTTP_").replace("_", "-").lower()
    return plain.encode("latin-1"), str(value or "").encode("latin-1")
