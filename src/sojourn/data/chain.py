"""How the change log is sealed: what a seal covers, and with which key.

Of each change a seal keeps an *entry*: its number and a keyed hash (BLAKE2b, 128 bits, a quarter of the time of an HMAC)
of everything in its row but ``fresh``, with the ``commitment`` in place of the values that may be erased. The HMAC of the
seal covers its entries and that of the seal before it. So a row that was changed, removed, added or given another instant
is found, and named; and nobody without the key can make a seal that fits. The key is a secret of the engine that no
database of an application holds.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, select

from sojourn.core import json
from sojourn.data import schema

#: The name of the engine's secret from which the keys are made.
KEYS_FROM: Final = "change log"

#: Bytes of an entry: the number of the change, then its keyed hash.
ENTRY: Final = 24

_HEAD = struct.Struct(">qqqqq")
_NUMBER = struct.Struct(">q")
_HASH = ENTRY - _NUMBER.size
_change, _seal = schema.change, schema.seal

#: What an entry covers, in this order. ``number`` has to come first.
COVERED: Final = (
    "number",
    "version",
    "kind",
    "table_name",
    "record",
    "user_key",
    "session",
    "realm",
    "execution_key",
    "at",
    "tag",
    "undoes",
    "commitment",
)

_COVERED = tuple(_change.c[name] for name in COVERED)


class Seal(NamedTuple):
    """A row of ``sojourn_seal``."""

    #: 1, 2, 3 …
    place: int
    #: Milliseconds since 1970.
    at: int
    #: Number of the newest change that is sealed.
    last: int
    #: Number of the newest change that retention took away, 0 for none.
    removed: int
    mac: bytes
    #: Of the changes that were newly sealed.
    entries: bytes = b""
    #: Of changes that had been sealed before, as they are since values were erased.
    rewritten: bytes = b""


class ChainKeys:
    """The keys of one engine's chains."""

    def __init__(self, secret: bytes) -> None:
        self._row = hmac.digest(secret, b"change log: row", "sha256")
        self._seal = hmac.digest(secret, b"change log: seal", "sha256")
        #: What the first seal of a chain comes after.
        self.beginning = Seal(0, 0, 0, 0, hmac.digest(secret, b"change log: beginning", "sha256"))

    def entry(self, row: Sequence[Any]) -> bytes:
        """The entry of a row with the columns of :func:`covered`, in their order."""
        *plain, commitment = row
        text = json.encode([*plain, bytes(commitment).hex()])
        return _NUMBER.pack(row[0]) + hashlib.blake2b(text, key=self._row, digest_size=_HASH).digest()

    def mac(self, before: bytes, seal: Seal) -> bytes:
        """What the HMAC of ``seal`` has to be when the one of the seal before it is ``before``."""
        head = _HEAD.pack(seal.place, seal.at, seal.last, seal.removed, len(seal.entries))
        return hmac.digest(self._seal, before + head + seal.entries + seal.rewritten, "sha256")

    def after(self, before: Seal, seal: Seal) -> Seal:
        """``seal`` with its HMAC, behind ``before``."""
        return seal._replace(mac=self.mac(before.mac, seal))

    def fits(self, before: Seal, seal: Seal) -> bool:
        """Whether ``seal`` was made with these keys, right behind ``before``."""
        return hmac.compare_digest(self.mac(before.mac, seal), seal.mac)


def covered(*more: str) -> Select[Any]:
    """Select what an entry covers, and ``more`` columns behind it."""
    return select(*_COVERED, *(_change.c[name] for name in more))


def taken_apart(entries: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and entry of each change in ``entries``; what is left over at the end is left out."""
    for place in range(0, len(entries) - ENTRY + 1, ENTRY):
        entry = entries[place : place + ENTRY]
        yield _NUMBER.unpack_from(entry)[0], entry


def as_seal(row: Sequence[Any]) -> Seal:
    """The seal in a row of :data:`ALL`."""
    place, at, last, removed, mac, entries, rewritten = row
    return Seal(place, at, last, removed, bytes(mac), bytes(entries), bytes(rewritten))


#: Every column of a seal, in the order of :class:`Seal`.
ALL = select(*(_seal.c[name] for name in Seal._fields))
