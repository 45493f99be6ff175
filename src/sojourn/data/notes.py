"""What scripts do to the change log themselves: rows of their own (``insertLog``) and the mark of fresh ones (``updateLogs``).

A note says what its author wants it to say. That is why it cannot pass for anything that the engine writes: the types of
changes and of security events are refused, and who wrote it, when and in which session is filled in by the engine.
"""

from __future__ import annotations

from typing import Final, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select, update

from sojourn.core.errors import BadRequest
from sojourn.data import schema
from sojourn.data.changelog import Draft, append, next_version
from sojourn.data.port import Key
from sojourn.data.terms import MAX_TAG, Author, is_tag
from sojourn.engine.audit.log_types import KINDS
from sojourn.model.change import ChangeKind

#: The longest type and content of a note, in characters.
LONGEST_TYPE = 60
LONGEST_CONTENT = 65_536
#: The longest key that is a text.
LONGEST_KEY = 1_000

#: Types that only the engine writes.
RESERVED: Final = frozenset({*get_args(ChangeKind), *KINDS})

_KEYS: Final = range(-(2**63), 2**63)

_table = schema.change
_LAST = select(func.max(_table.c.number))


class BadNote(BadRequest):
    """A row of one's own in the change log needs a type of its own, and has to fit."""

    code = "database.bad_note"


class WhichChanges(BadRequest):
    """Say by version or tag which rows of the change log are meant."""

    code = "database.which_changes"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a script's own. Raises :class:`BadNote`."""

    #: Printable, at most :data:`LONGEST_TYPE` characters, none of :data:`RESERVED`.
    kind: str
    content: str = ""
    #: Key of the record that it is about.
    key: Key | None = None
    #: Key of the class of that record.
    class_key: int | None = None
    #: The version that it belongs to; None = one of its own.
    version: int | None = None
    #: Its tag; None = that of whoever writes it.
    tag: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not (0 < len(self.kind) <= LONGEST_TYPE and self.kind.isprintable()):
            raise BadNote(f"the type of a log row is a printable text of at most {LONGEST_TYPE} characters")
        if self.kind.strip().upper() in RESERVED:
            raise BadNote(f"log rows of the type {self.kind} are written by the engine")
        if len(self.content) > LONGEST_CONTENT or "\0" in self.content:
            raise BadNote(f"the content of a log row has at most {LONGEST_CONTENT} characters, and no NUL")
        if self.tag is not None and not is_tag(self.tag):
            raise BadNote(f"a tag is a printable text of at most {MAX_TAG} characters")
        # A row that a view cannot show would keep everybody from reading the log, and rows are never taken away.
        if not (_known(self.key) and _known(self.class_key)):
            raise BadNote(f"a key has at most 64 bits, or is a printable text of at most {LONGEST_KEY} characters")


def _known(key: Key | None) -> bool:
    if isinstance(key, str):
        return len(key) <= LONGEST_KEY and key.isprintable()
    return key is None or key in _KEYS


def insert_note(connection: Connection, author: Author, note: Note, now: int) -> int:
    """Write ``note`` as ``author``; its number in the log. Raises :class:`BadNote` for a version that nobody had yet."""
    # All rows are written under the lock of the version, also those that belong to an earlier one.
    version = next_version(connection)
    if note.version is not None:
        if not 0 <= note.version < version:
            raise BadNote("there is no such version yet")
        version = note.version
    if note.tag is not None:
        author = msgspec.structs.replace(author, tag=note.tag)
    # A type is one line; the view of the log takes the three apart again.
    text = f"{note.kind}\n{'' if note.class_key is None else note.class_key}\n{note.content}"
    append(connection, author, [Draft("NOTE", key=note.key, content=text)], version, now)
    return int(connection.execute(_LAST).scalar_one())


def freshen(connection: Connection, *, version: int | None, tag: str | None, fresh: bool) -> int:
    """Set the mark ``iFreshTrack`` of the rows with ``version`` and ``tag``; how many there are.

    Rows without a tag have no mark and are left alone. Raises :class:`WhichChanges` when neither is given.
    """
    if version is None and not tag:
        raise WhichChanges
    which: list[ColumnElement[bool]] = [_table.c.tag.is_not(None), _table.c.fresh.is_not(None)]
    if version is not None:
        which.append(_table.c.version == version)
    if tag:
        which.append(_table.c.tag == tag)
    return connection.execute(update(_table).where(*which).values(fresh=fresh)).rowcount


def told(content: str) -> tuple[str, str, int | None]:
    """Type, content and class of the note with this ``content`` in the log; empty when it was erased."""
    if not content:
        return "NOTE", "", None
    kind, class_key, text = content.split("\n", 2)
    return kind, text, int(class_key) if class_key else None
