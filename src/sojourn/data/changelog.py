"""Writing the change log: one row a changed record, in the transaction of the change itself.

Sealing, reading, retention and erasure have modules of their own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, bindparam, column, insert, select, table, update

from sojourn.core import json
from sojourn.data import schema
from sojourn.data.port import Image, Key
from sojourn.data.terms import Author
from sojourn.model.change import ChangeKind

#: Bytes of the random value that hides erased values from whoever would guess them.
SALT = 16

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
        who = _who(author, version, now)
        salts = os.urandom(SALT * len(drafts))
        rows = [
            (*_row(draft, author, salts[SALT * place : SALT * (place + 1)]), *who) for place, draft in enumerate(drafts)
        ]
        _write(connection, rows)


def _write(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """By the driver's own means: of thousands of rows SQLAlchemy would look at each value once more."""
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql(_insertion(connection.dialect), list(rows))
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            copy.write_row(row)


def commitment(salt: bytes, *erasable: str | None) -> bytes:
    """What stands in the log for values that may be erased: before, after, content, user name, address."""
    parts = [salt]
    for text in erasable:
        data = b"-" if text is None else b"+" + text.encode()
        parts += [len(data).to_bytes(8, "big"), data]
    return hashlib.sha256(b"".join(parts)).digest()


def record_text(key: Key | None) -> str:
    """A record's key as the log keeps it: ``5``, ``"a"``; empty for none."""
    if type(key) is int:
        return str(key)
    return "" if key is None else json.encode_text(key)


#: What differs from row to row, then what all rows of a transaction share.
_COLUMNS = (
    *("kind", "table_name", "record", "before", "after", "content", "undoes", "salt", "commitment"),
    *("version", "user_key", "user_name", "session", "realm", "address", "execution_key", "at", "tag", "fresh"),
)
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_COPY = f"COPY {schema.change.name} ({_NAMES}) FROM STDIN"


@lru_cache(8)
def _insertion(dialect: Dialect) -> str:
    """The statement that adds a row, its parameters in the order of :data:`_COLUMNS`."""
    return str(insert(table(schema.change.name, *map(column, _COLUMNS))).compile(dialect=dialect))


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


def _row(draft: Draft, author: Author, salt: bytes) -> tuple[object, ...]:
    before = None if draft.before is None else json.encode_text(draft.before)
    after = None if draft.after is None else json.encode_text(draft.after)
    committed = commitment(salt, before, after, draft.content, author.user_name, author.address)
    record = record_text(draft.key)
    return draft.kind, draft.table, record, before, after, draft.content, draft.undoes, salt, committed
