"""Writing the change log: one row a changed record, in the transaction of the change itself.

Sealing, reading, retention and erasure have modules of their own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, select, update

from sojourn.core import json
from sojourn.data import schema
from sojourn.data.port import Image, Key
from sojourn.data.terms import Author
from sojourn.model.change import ChangeKind

#: Bytes of the random value that hides erased values from whoever would guess them.
SALT = 16

#: What stands for no value in a commitment: its length, then the value.
_NOTHING = (1).to_bytes(8, "big") + b"-"
_NEXT = update(schema.version).values(number=schema.version.c.number + bindparam("by"))
_LAST = select(schema.version.c.number)


class Draft(NamedTuple):
    """A change as it is written."""

    kind: ChangeKind
    table: str = ""
    key: Key | None = None
    #: The row before; of an UPDATE the changed columns.
    before: Image | None = None
    after: Image | None = None
    content: str = ""
    #: Number of the change that this one takes back.
    undoes: int | None = None


def next_version(connection: Connection) -> int:
    """A version number that nobody had before; until the commit no other transaction gets one."""
    connection.execute(_NEXT, {"by": 1})
    return int(connection.execute(_LAST).scalar_one())


def append(connection: Connection, author: Author, drafts: Sequence[Draft], version: int, now: int) -> None:
    """Write ``drafts`` as rows of ``author`` under one version number; ``now`` in milliseconds since 1970."""
    if drafts:
        _write(connection, _who(author, version, now), _rows(drafts, author))


def _write(connection: Connection, who: tuple[object, ...], rows: Sequence[tuple[object, ...]]) -> None:
    """By the driver's own means: of thousands of rows SQLAlchemy would look at each value once more."""
    if connection.dialect.name != "postgresql":
        _insert(connection, who, rows)
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row((*who, *row))


def _insert(connection: Connection, who: tuple[object, ...], rows: Sequence[tuple[object, ...]]) -> None:
    """Many rows a statement: SQLite opens the table and each of its indexes once a statement, which costs as much again."""
    place = 0
    while place < len(rows):
        # Powers of two, so that a few statements are enough for any number.
        many = min(_AT_ONCE, 1 << (len(rows) - place).bit_length() - 1)
        values = (*who, *chain.from_iterable(rows[place : place + many]))
        connection.exec_driver_sql(_insertion(many), values)
        place += many


def commitment(salt: bytes, *erasable: str | None) -> bytes:
    """What stands in the log for values that may be erased: before, after, content, user name, address."""
    return hashlib.sha256(
        salt + b"".join([_part(None if text is None else text.encode()) for text in erasable])
    ).digest()


def _part(data: bytes | None) -> bytes:
    return _NOTHING if data is None else (len(data) + 1).to_bytes(8, "big") + b"+" + data


def record_text(key: Key | None) -> str:
    """A record's key as the log keeps it: ``5``, ``"a"``; empty for none."""
    if type(key) is int:
        return str(key)
    return "" if key is None else json.encode_text(key)


#: What all rows of a transaction share, and what differs from row to row.
_SHARED = ("version", "user_key", "user_name", "session", "realm", "address", "execution_key", "at", "tag", "fresh")
_OWN = ("kind", "table_name", "record", "before", "after", "content", "undoes", "salt", "commitment")
_NAMES = ", ".join(f'"{name}"' for name in (*_SHARED, *_OWN))
_COPY = f"COPY {schema.change.name} ({_NAMES}) FROM STDIN"
#: Rows of one statement of SQLite: with fewer than 999 parameters, which any build of it takes.
_AT_ONCE = 64


@lru_cache(_AT_ONCE)
def _insertion(rows: int) -> str:
    """The statement of SQLite that adds so many rows; its parameters are what they share, then what each has."""
    shared = [f"?{place}" for place in range(1, len(_SHARED) + 1)]
    each = "(" + ", ".join([*shared, *("?" for _ in _OWN)]) + ")"
    values = ", ".join([each] * rows)
    return f"INSERT INTO {schema.change.name} ({_NAMES}) VALUES {values}"  # noqa: S608 - names of ours


def _who(author: Author, version: int, now: int) -> tuple[object, ...]:
    return (
        version,
        author.user_key,
        author.user_name,
        author.session,
        author.realm,
        author.address,
        author.execution_key,
        now,
        author.tag or None,
        True if author.tag else None,
    )


def _rows(drafts: Sequence[Draft], author: Author) -> list[tuple[object, ...]]:
    """What is written of each, in the order of :data:`_OWN`; its commitment is that of :func:`commitment`."""
    salts = os.urandom(SALT * len(drafts))
    whose = _part(author.user_name.encode()) + _part(author.address.encode())
    plain = _part(b"") + whose
    encode, digest, join = json.encode, hashlib.sha256, b"".join
    rows: list[tuple[object, ...]] = []
    for place, (kind, name, key, before, after, content, undoes) in enumerate(drafts):
        salt = salts[SALT * place : SALT * (place + 1)]
        old = None if before is None else encode(before)
        new = None if after is None else encode(after)
        rest = _part(content.encode()) + whose if content else plain
        committed = digest(join((salt, _part(old), _part(new), rest))).digest()
        texts = None if old is None else old.decode(), None if new is None else new.decode()
        rows.append((kind, name, record_text(key), *texts, content, undoes, salt, committed))
    return rows
