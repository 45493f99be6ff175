"""Sealing of secrets at rest under the master key (AES-256-GCM, bound to what they belong to)."""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sojourn.core.errors import MasterKeyMissing

_NONCE = 12
_KEY = 32


class MasterKey:
    """The key that seals private keys at rest; a file of mode 0600 outside project and backup."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _KEY:
            raise MasterKeyMissing(f"a master key has {_KEY} bytes, this one has {len(raw)}")
        self._aead = AESGCM(raw)
        #: Names this key and tells nothing of it: 64 hexadecimal digits.
        self.name = hmac.new(raw, b"sojourn master key", hashlib.sha256).hexdigest()

    def seal(self, plain: bytes, bound_to: str) -> bytes:
        """Encrypt ``plain``; it opens only with the same ``bound_to``."""
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, plain, bound_to.encode())

    def open(self, sealed: bytes, bound_to: str) -> bytes:
        """Decrypt; raises :class:`MasterKeyMissing` when this is not the key it was sealed with."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to.encode())
        except InvalidTag:
            raise MasterKeyMissing("the master key does not fit the sealed keys of this project") from None


def read_master_key(path: Path) -> MasterKey:
    """The master key in ``path``; raises :class:`MasterKeyMissing` when absent, malformed or open to others."""
    try:
        if path.stat().st_mode & 0o077:
            raise MasterKeyMissing(f"{path} may be read by others; make its mode 0600")
        return MasterKey(path.read_bytes())
    except OSError as error:
        raise MasterKeyMissing(f"the master key {path} cannot be read: {error.strerror}") from None


def new_master_key() -> bytes:
    """The bytes of a fresh master key."""
    return os.urandom(_KEY)


def write_master_key(path: Path) -> None:
    """Make a new master key in ``path`` (mode 0600); an existing one is kept."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(new_master_key())
        file.flush()
        os.fsync(file.fileno())
