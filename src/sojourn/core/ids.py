"""Identifiers and secrets: 256 random bits each, URL-safe text, no UUID layout [ASVS 7.2.3, 11.5.1].

A session handle is ``<id>.<secret>``. The id is a public name; the secret opens the session and is stored
only as its SHA-256.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from typing import NamedTuple

_TEXT = r"[A-Za-z0-9_-]{43}"
_ID = re.compile(_TEXT)
_HANDLE = re.compile(rf"({_TEXT})\.({_TEXT})")


class SessionHandle(NamedTuple):
    """What a browser or a client shows to open a session."""

    id: str
    secret: str

    def __str__(self) -> str:
        return f"{self.id}.{self.secret}"

    def __repr__(self) -> str:
        return f"SessionHandle({self.id}, …)"


def new_token() -> str:
    """256 random bits of the operating system as 43 characters of base64url."""
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


def new_id() -> str:
    """A public id: like :func:`new_token`, and never taken for an option on a command line."""
    while (token := new_token()).startswith("-"):
        pass
    return token


def new_handle() -> SessionHandle:
    """A fresh public id with a fresh secret."""
    return SessionHandle(new_id(), new_token())


def is_id(text: str) -> bool:
    """Whether ``text`` has the form of a public session id."""
    return _ID.fullmatch(text) is not None


def parse_handle(text: str) -> SessionHandle | None:
    """The handle that ``text`` spells, or None when it has another form. Nothing is trimmed or decoded."""
    match = _HANDLE.fullmatch(text)
    return SessionHandle(*match.groups()) if match else None


def secret_hash(secret: str) -> bytes:
    """The stored form of a secret or token: SHA-256 of its text."""
    return hashlib.sha256(secret.encode()).digest()


def same(a: bytes, b: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(a, b)


def new_execution_key() -> str:
    """A name for one execution, in the form of a random UUID; to know it opens nothing."""
    try:
        return _execution_keys.pop()
    except IndexError:
        # Asking the operating system once for many: this is on the path of every request.
        digits = os.urandom(16 * _KEYS_AT_ONCE).hex()
        made = [_uuid(digits[at : at + 32]) for at in range(0, len(digits), 32)]
        _execution_keys.extend(made[1:])
        return made[0]


def _uuid(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


_KEYS_AT_ONCE = 64
_execution_keys: list[str] = []
# A forked worker makes its own.
os.register_at_fork(after_in_child=_execution_keys.clear)
