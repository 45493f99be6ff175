"""Cookies by octets: what the ``Cookie`` header really holds, never what a lenient parser would make of it.

Two cookies of our name, or a name that only looks like ours after trimming or decoding, mean *no session*: whoever put
the second one there may be somebody else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from sojourn.core.ids import SessionHandle, parse_handle
from sojourn.http.wire import Header

_SECURE_PREFIX = b"__Host-sojourn_sid."
_PLAIN_PREFIX = b"sojourn_sid."
#: Every name that is ours, once it is reduced to what it looks like.
_OURS = re.compile(r"(__host-)?sojourn_(sid\.|cid\.|oidc\.|dev\.|admin$|admin_dev$)|serverid$")
_DECODINGS = 3


class SessionCookie(NamedTuple):
    """What a request says in the cookie of one realm."""

    #: Whether a cookie of that name stands there.
    present: bool
    #: The handle in it; None without a cookie, with a malformed value, and when it is not certain which one is ours.
    handle: SessionHandle | None
    #: Two of our name, or one that only looks like ours: no session, and an audit event.
    ambiguous: bool


NO_COOKIE = SessionCookie(present=False, handle=None, ambiguous=False)


@lru_cache(maxsize=1024)
def cookie_name(realm: str, *, secure: bool) -> bytes:
    """The name of the session cookie of ``realm`` on HTTPS (``secure``) or on plain loopback."""
    return (_SECURE_PREFIX if secure else _PLAIN_PREFIX) + realm.encode()


class Found(NamedTuple):
    """What the ``Cookie`` headers say under one name."""

    #: Its value; None when no cookie of that name stands there.
    value: bytes | None
    #: Two of that name, or one that only looks like it.
    ambiguous: bool


_ABSENT = Found(None, ambiguous=False)
_UNCERTAIN = Found(None, ambiguous=True)


def read_cookie_value(headers: Sequence[bytes], name: bytes) -> Found:
    """The cookie ``name`` in the ``Cookie`` headers of a request, octet for octet."""
    if not headers:
        return _ABSENT
    if len(headers) == 1 and b";" not in headers[0]:
        known, _, value = headers[0].partition(b"=")
        if known == name:
            return Found(value, ambiguous=False)
    found: bytes | None = None
    ours = _looks(name)
    for pair in _pairs(headers):
        known, _, value = pair.partition(b"=")
        if known == name and found is None:
            found = value
        elif _looks(known) == ours:
            return _UNCERTAIN
    return _ABSENT if found is None else Found(found, ambiguous=False)


def read_session_cookie(headers: Sequence[bytes], name: bytes) -> SessionCookie:
    """The session cookie ``name`` in the ``Cookie`` headers of a request."""
    found = read_cookie_value(headers, name)
    if found.ambiguous:
        return SessionCookie(present=True, handle=None, ambiguous=True)
    if found.value is None:
        return NO_COOKIE
    return SessionCookie(present=True, handle=_handle(found.value), ambiguous=False)


def without_ours(headers: Sequence[bytes]) -> bytes:
    """The ``Cookie`` headers as one, without the cookies of the engine and whatever looks like them."""
    kept = b";".join(pair for pair in b"; ".join(headers).split(b";") if not is_ours(pair.partition(b"=")[0]))
    return kept.removeprefix(b" ")


def is_ours(name: bytes) -> bool:
    """Whether ``name`` is, or only looks like, the name of a cookie that the engine sets."""
    prefix, rest = _looks(name)
    return _OURS.match(prefix + rest) is not None


def set_session_cookie(name: bytes, handle: SessionHandle) -> Header:
    """``Set-Cookie`` for ``handle``; Secure exactly when the name has the ``__Host-`` prefix."""
    return (b"set-cookie", b"%s=%s%s" % (name, str(handle).encode(), _attributes(name)))


def expire_session_cookie(name: bytes) -> Header:
    """``Set-Cookie`` that removes the cookie ``name``."""
    return (b"set-cookie", b"%s=%s; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT" % (name, _attributes(name)))


def _attributes(name: bytes) -> bytes:
    secure = b"; Secure" if name.startswith(b"__Host-") else b""
    return b"; Path=/; HttpOnly; SameSite=Lax" + secure


def _pairs(headers: Sequence[bytes]) -> Iterator[bytes]:
    for header in headers:
        first, *rest = header.split(b";")
        yield first
        for pair in rest:
            # Browsers write exactly one blank; any other white space stays and makes the name a look-alike.
            yield pair.removeprefix(b" ")


def _handle(value: bytes) -> SessionHandle | None:
    return parse_handle(value.decode("ascii")) if value.isascii() else None


@lru_cache(maxsize=1024)
def _looks(name: bytes) -> tuple[str, str]:
    """What ``name`` looks like to a lenient reader: (folded part up to the first dot, exact rest).

    The part after the dot is a realm's name, where case makes a difference.
    """
    for _ in range(_DECODINGS):
        name = unquote_to_bytes(name)
    text = unicodedata.normalize("NFKC", name.decode("utf-8", "replace"))
    text = "".join(sign for sign in text if unicodedata.category(sign)[0] not in "CZ").strip("\"'")
    prefix, dot, rest = text.partition(".")
    return prefix.casefold() + dot, rest
