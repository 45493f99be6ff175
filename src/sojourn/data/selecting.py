"""Which changes of the log are meant: by tag, session, user, time, version, record or number."""

from __future__ import annotations

from typing import Final, get_args

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, select, true

from sojourn.core.errors import BadRequest
from sojourn.core.json import Json
from sojourn.data import schema
from sojourn.data.changelog import record_text
from sojourn.data.entries import RowKind
from sojourn.data.port import Key
from sojourn.model.change import ChangeKind

#: Changes that can be named one by one.
MOST_NUMBERS: Final = 10_000

#: Kinds of changes that can be taken back.
ROW_KINDS: Final[tuple[str, ...]] = get_args(RowKind)

_change = schema.change


class NothingSelected(BadRequest):
    """Say which changes are meant: a tag, session, user, time, version, table, or numbers."""

    code = "database.nothing_selected"


class TooManyNumbers(BadRequest):
    """Too many changes are named one by one; name their tag, session, version or time instead."""

    code = "database.too_many_numbers"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Changes for which everything that is said holds; of several values any one."""

    tag: str = ""
    #: Public ids.
    sessions: tuple[str, ...] = ()
    #: Keys of accounts.
    users: tuple[int, ...] = ()
    #: Not before, in milliseconds since 1970.
    since: int | None = None
    #: Before.
    until: int | None = None
    versions: tuple[int, ...] = ()
    table: str = ""
    #: Keys of records; of whatever table where none is named.
    keys: tuple[Key, ...] = ()
    kinds: tuple[ChangeKind, ...] = ()
    #: Numbers in the log, :data:`MOST_NUMBERS` at most; None: not by number.
    numbers: tuple[int, ...] | None = None
    #: Whether changes of several sessions or users are meant, where neither these nor numbers are named.
    everyone: bool = False

    def check(self) -> None:
        """Raise :class:`NothingSelected` for a selection of the whole log, :class:`TooManyNumbers`."""
        said = (self.tag, self.sessions, self.users, self.versions, self.table, self.keys)
        if not any(said) and self.since is None and self.until is None and self.numbers is None:
            raise NothingSelected
        named = (self.numbers or (), self.keys, self.versions, self.users, self.sessions, self.kinds)
        if any(len(several) > MOST_NUMBERS for several in named):
            raise TooManyNumbers(f"at most {MOST_NUMBERS} changes or records can be named one by one")

    @property
    def names_authors(self) -> bool:
        """Whether it is said whose changes are meant."""
        return bool(self.sessions or self.users or self.numbers is not None or self.everyone)

    def described(self) -> dict[str, Json]:
        """What is said, for the audit log."""
        found: dict[str, Json] = msgspec.to_builtins(self)
        del found["numbers"]
        numbers = self.numbers
        if numbers is not None:
            found["numbers"] = {
                "count": len(numbers),
                "first": min(numbers, default=0),
                "last": max(numbers, default=0),
            }
        return {name: value for name, value in found.items() if value not in ("", None, False, [], ())}


def conditions(selection: Selection) -> ColumnElement[bool]:
    """What holds for each row of the log that is meant."""
    table = _change.c
    found: list[ColumnElement[bool]] = []
    if selection.tag:
        found.append(table.tag == selection.tag)
    if selection.since is not None:
        found.append(table.at >= selection.since)
    if selection.until is not None:
        found.append(table.at < selection.until)
    if selection.table:
        found.append(table.table_name == selection.table)
    if selection.keys:
        found.append(table.record.in_([record_text(key) for key in selection.keys]))
    if selection.numbers is not None:
        found.append(table.number.in_(selection.numbers))
    several = (
        (table.session, selection.sessions),
        (table.user_key, selection.users),
        (table.version, selection.versions),
        (table.kind, selection.kinds),
    )
    found += [column.in_(values) for column, values in several if values]
    return and_(true(), *found)


def undone_by(meant: ColumnElement[bool]) -> ColumnElement[bool]:
    """The rows that have taken back those for which ``meant`` holds."""
    return _change.c.undoes.in_(select(_change.c.number).where(meant))


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The changes of one user in one session."""

    #: Public id, empty without one.
    session: str
    user_key: int
    user_name: str
    #: Id of the realm.
    realm: str
    changes: int
    #: When the first and the last of them was made, in milliseconds since 1970.
    first: int
    last: int


def parts(connection: Connection, meant: ColumnElement[bool]) -> list[Part]:
    """Whose changes they are, the largest part first."""
    table = _change.c
    authors = (table.session, table.user_key, table.realm)
    count = func.count()
    query = (
        select(*authors, func.max(table.user_name), count, func.min(table.at), func.max(table.at))
        .where(meant)
        .group_by(*authors)
        .order_by(count.desc(), table.session, table.user_key)
    )
    return [
        Part(session=session, user_key=user, user_name=name, realm=realm, changes=changes, first=first, last=last)
        for session, user, realm, name, changes, first, last in connection.execute(query)
    ]
