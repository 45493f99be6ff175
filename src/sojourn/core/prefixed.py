"""Secrets with a prefix and a checksum: ``sjk_`` + 256 random bits + 6 characters.

The prefix lets scanners and people see what it is; the checksum tells a typing error from a wrong key without asking
the database. Only the SHA-256 of the text is stored (``core.ids.secret_hash``).
"""

from __future__ import annotations

import base64
import string
import zlib

from sojourn.core.ids import is_id, new_token

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CHECK = 6


def new_prefixed(prefix: str) -> str:
    """A fresh secret that begins with ``prefix``, for example ``sjk_``."""
    body = prefix + new_token()
    return body + _checksum(body)


def prefixed_from(prefix: str, raw: bytes) -> str:
    """The secret with ``prefix`` that ``raw``, 32 bytes, spells."""
    body = prefix + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return body + _checksum(body)


def is_prefixed(text: str, prefix: str) -> bool:
    """Whether ``text`` has the form of a secret with ``prefix`` and its checksum fits. It may still be unknown."""
    body, check = text[:-_CHECK], text[-_CHECK:]
    return body.startswith(prefix) and is_id(body[len(prefix) :]) and check == _checksum(body)


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
