"""The file of the master key, and how another one takes its place so that a process that dies half-way does no harm.

Beside the file may stand ``<file>.next``, the key that a change has written and not put into place yet, and
``<file>.old-<8 digits>``, keys of before: a backup made under one of them opens with it alone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sojourn.core.crypto import MasterKey, new_master_key, read_master_key
from sojourn.core.errors import Conflict, MasterKeyMissing


class RekeyUnderWay(Conflict):
    """The master key is being changed by another process."""

    code = "keys.rekey_under_way"


class MasterKeyFile:
    """The places of one master key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Where a change writes the next key.
        self.next = path.with_name(f"{path.name}.next")

    def read(self) -> Sequence[MasterKey]:
        """The key that stands there, and the next one where a change has written it; the first is the one in place.

        Raises ``MasterKeyMissing`` when there is none.
        """
        found, missing = [], None
        for place in (self.path, self.next):
            try:
                found.append(read_master_key(place))
            except MasterKeyMissing as error:
                missing = missing or error
        if missing is not None and not found:
            raise missing
        return found

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let nobody else on this machine change the key meanwhile; raises :class:`RekeyUnderWay`."""
        try:
            descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise MasterKeyMissing(f"{self.path.parent} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise RekeyUnderWay from None
        finally:
            os.close(descriptor)

    def write_next(self) -> MasterKey:
        """Write a new key beside the one in place; on disk when this returns."""
        self._put(self.next, new_master_key())
        return read_master_key(self.next)

    def keep(self) -> Path:
        """Put a copy of the key in place aside; where it is. On disk when this returns."""
        place = self.path.with_name(f"{self.path.name}.old-{read_master_key(self.path).name[:8]}")
        self._put(place, self.path.read_bytes())
        return place

    def promote(self) -> None:
        """Put the next key into place; the one that stood there is gone from this very place."""
        os.replace(self.next, self.path)  # noqa: PTH105 - said to be atomic
        _sync_folder(self.path.parent)

    def _put(self, place: Path, raw: bytes) -> None:
        partly = place.with_name(f"{place.name}.partly")
        with suppress(FileNotFoundError):
            partly.unlink()
        with os.fdopen(os.open(partly, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partly, place)  # noqa: PTH105 - said to be atomic
        _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
