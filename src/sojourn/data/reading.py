"""Reading the change log: a page of what was changed, newest or oldest first, or one change by its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from sojourn.core import json
from sojourn.core.clock import iso
from sojourn.core.errors import NotFound
from sojourn.core.json import Json
from sojourn.data import schema
from sojourn.data.notes import told
from sojourn.data.port import Backend
from sojourn.data.selecting import Selection, conditions
from sojourn.model.change import Change

#: Changes of one page at most.
MOST = 1_000

_table = schema.change
_COLUMNS = (
    *("number", "kind", "version", "table_name", "record", "before", "after", "salt", "content", "user_key"),
    *("user_name", "session", "realm", "address", "execution_key", "at", "tag", "fresh", "undoes"),
)
_SELECT = select(*(_table.c[name] for name in _COLUMNS))
_EVERYTHING = Selection()


class ChangeUnknown(NotFound):
    """There is no such change in the log, or it may not be looked at."""

    code = "changes.unknown"


class ChangePage(NamedTuple):
    """A piece of the log."""

    changes: Sequence[Change]
    #: Number after which it goes on; None when that was all.
    next: int | None


class ChangeLog:
    """The log of one database."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def page(
        self,
        selection: Selection = _EVERYTHING,
        *,
        realms: frozenset[str] | None = None,
        after: int | None = None,
        limit: int = 100,
        oldest_first: bool = False,
    ) -> ChangePage:
        """At most ``limit`` changes that are selected, those after the number ``after``, newest first unless told otherwise.

        ``realms``: ids of the realms that may be seen, None for all. Raises ``DatabaseUnavailable`` and its kin.
        """
        number = _table.c.number
        which: list[ColumnElement[bool]] = [conditions(selection)]
        if realms is not None:
            which.append(_table.c.realm.in_(realms))
        if after is not None:
            which.append(number > after if oldest_first else number < after)
        order = number if oldest_first else number.desc()
        # One more than wanted shows whether there are more.
        wanted = _SELECT.where(*which).order_by(order).limit(min(limit, MOST) + 1)

        def read(connection: Connection) -> Sequence[Change]:
            return [_change(row) for row in connection.execute(wanted)]

        found = await self._backend.read(read)
        changes = found[: min(limit, MOST)]
        return ChangePage(changes, changes[-1].number if len(found) > len(changes) else None)

    async def get(self, number: int, *, realms: frozenset[str] | None = None) -> Change:
        """The change with that number; raises :class:`ChangeUnknown`."""
        which = [_table.c.number == number]
        if realms is not None:
            which.append(_table.c.realm.in_(realms))
        row = await self._backend.read(lambda connection: connection.execute(_SELECT.where(*which)).one_or_none())
        if row is None:
            raise ChangeUnknown(f"there is no change {number}")
        return _change(row)


def described(change: Change, realm: str) -> dict[str, Json]:
    """``change`` as the admin API and the command line show it; ``realm`` is the name of its realm."""
    note = change.kind == "NOTE"
    kind, content, class_key = told(change.content) if note else (change.kind, change.content, None)
    return {
        "number": change.number,
        "at": iso(change.at),
        "kind": change.kind,
        "type": kind,
        "version": change.version,
        "table": change.table or None,
        "key": change.key,
        "classKey": class_key,
        "before": change.before,
        "after": change.after,
        "erased": change.erased,
        "content": content or None,
        "userKey": change.user_key,
        "user": change.user_name or None,
        "session": change.session or None,
        "realm": realm or None,
        "address": change.address or None,
        "executionKey": change.execution_key or None,
        "tag": change.tag or None,
        "fresh": change.fresh,
        "undoes": change.undoes,
    }


def _change(row: Sequence[Any]) -> Change:
    number, kind, version, table, record, before, after, salt, content, user_key, *rest = row
    user_name, session, realm, address, execution_key, at, tag, fresh, undoes = rest
    return Change(
        number=number,
        kind=kind,
        version=version,
        table=table,
        key=json.decode(record) if record else None,
        before=_image(before),
        after=_image(after),
        erased=salt is None,
        content=content,
        user_key=user_key,
        user_name=user_name,
        session=session,
        realm=realm,
        address=address,
        execution_key=execution_key,
        at=at,
        tag=tag or "",
        fresh=fresh,
        undoes=undoes,
    )


def _image(text: str | None) -> dict[str, Json] | None:
    found: dict[str, Json] | None = None if text is None else json.decode(text)
    return found
