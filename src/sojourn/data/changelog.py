"""Writing the change log: one row a changed record, in the transaction of the change itself.

Sealing, reading, retention and erasure have modules of their own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from sojourn.core import json
from sojourn.data import schema
from sojourn.data.port import Image, Key
from sojourn.data.terms import Author
from sojourn.model.change import ChangeKind

#: Bytes of the random value that hides erased values from whoever would guess them.
SALT = 16

_table = schema.change
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
        rows = [_row(draft, who, salts[SALT * place : SALT * (place + 1)]) for place, draft in enumerate(drafts)]
        connection.execute(insert(_table), rows)


def commitment(salt: bytes, *erasable: str | None) -> bytes:
    """What stands in the log for values that may be erased: before, after, content, user name, address."""
    found = hashlib.sha256(salt)
    for text in erasable:
        data = b"-" if text is None else b"+" + text.encode()
        found.update(len(data).to_bytes(8, "big") + data)
    return found.digest()


def record_text(key: Key | None) -> str:
    """A record's key as the log keeps it: ``5``, ``"a"``; empty for none."""
    return "" if key is None else json.encode_text(key)


def _who(author: Author, version: int, now: int) -> dict[str, object]:
    return {
        "version": version,
        "user_key": author.user_key,
        "user_name": author.user_name,
        "session": author.session,
        "realm": author.realm,
        "address": author.address,
        "execution_key": author.execution_key,
        "at": now,
        "tag": author.tag or None,
        "fresh": True if author.tag else None,
    }


def _row(draft: Draft, who: dict[str, object], salt: bytes) -> dict[str, object]:
    before = None if draft.before is None else json.encode_text(draft.before)
    after = None if draft.after is None else json.encode_text(draft.after)
    name, address = str(who["user_name"]), str(who["address"])
    return who | {
        "kind": draft.kind,
        "table_name": draft.table,
        "record": record_text(draft.key),
        "before": before,
        "after": after,
        "content": draft.content,
        "undoes": draft.undoes,
        "salt": salt,
        "commitment": commitment(salt, before, after, draft.content, name, address),
    }
