"""A pipeline's reply on its way to the wire: what an author may not send is taken out, what protects is put in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from sojourn.http.cookies import is_ours
from sojourn.http.replies import NO_STORE, RETRY, Reply, challenge
from sojourn.http.wire import Header
from sojourn.pipelines.request import PipelineReply

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: Keeps a browser from running an answer as a page of our origin.
SANDBOX: Header = (b"content-security-policy", b"sandbox")

#: What a browser may run as a document.
_ACTIVE = re.compile(
    r"text/html|text/xml|application/xml|text/xsl|[^;]*\+xml|multipart/.*|[^;]*(java|j|ecma|live)script", re.ASCII
)

_BODILESS = frozenset({204, 205, 304})

#: Framing belongs to the server, protection and credentialed CORS to the engine.
_OURS_ALONE = frozenset(
    {
        *("connection", "content-encoding", "content-length", "date", "keep-alive", "proxy-connection", "server", "te"),
        *("trailer", "transfer-encoding", "upgrade", "access-control-allow-credentials", "clear-site-data"),
        *("referrer-policy", "strict-transport-security", "www-authenticate", "x-content-type-options", "x-session-id"),
    }
)


def pipeline_reply(reply: PipelineReply, realm: str, *, personal: bool) -> Reply:
    """``reply`` of a pipeline of ``realm`` for the wire; ``personal`` answers are kept by no cache."""
    if len(reply.headers) == 1 and reply.status == 200:  # noqa: PLR2004 - the HTTP status is its own name
        name, value = reply.headers[0]
        if name == "content-type":
            kind = _content_type(value)
            return Reply(200, reply.body, (*kind, NO_STORE) if personal else kind)
    headers: list[Header] = []
    for name, value in reply.headers:
        lower = name.lower()
        if lower == "content-type":
            headers += _content_type(value)
        elif _allowed(lower, value):
            headers.append((lower.encode(), value.encode("latin-1")))
            personal = personal or lower in ("authorization", "set-cookie")
    if personal:
        headers = [header for header in headers if header[0] != b"cache-control"]
        headers.append(NO_STORE)
    headers += _by_status(reply.status, realm, headers)
    return Reply(reply.status, b"" if reply.status in _BODILESS else reply.body, tuple(headers))


def _by_status(status: int, realm: str, headers: Sequence[Header]) -> tuple[Header, ...]:
    if status == 401:  # noqa: PLR2004 - the HTTP status is its own name
        return (challenge(realm),)
    if status == 503 and all(name != RETRY[0] for name, _ in headers):  # noqa: PLR2004
        return (RETRY,)
    return ()


def _allowed(name: str, value: str) -> bool:
    if name in _OURS_ALONE or not _sendable(name, value):
        return False
    return name != "set-cookie" or not is_ours(value.partition("=")[0].encode("latin-1"))


def _sendable(name: str, value: str) -> bool:
    return _TOKEN.fullmatch(name) is not None and _VALUE.fullmatch(value) is not None


def is_active(content_type: str) -> bool:
    """Whether a browser may run what has this content type; of several with commas between, any."""
    return any(_ACTIVE.match(kind.strip().lower()) for kind in content_type.split(","))


@lru_cache(maxsize=256)
def _content_type(value: str) -> tuple[Header, ...]:
    if not _sendable("content-type", value):
        return ()
    header = (b"content-type", value.encode("latin-1"))
    return (header, SANDBOX) if is_active(value) else (header,)
