"""Databases and object stores as steps of a pipeline: for the user, the session and the trackingId of its execution."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any, Final, NamedTuple

from sojourn.core.clock import HOUR
from sojourn.core.errors import BadRequest, Conflict, Forbidden, NotFound
from sojourn.core.json import Json
from sojourn.data.database import Database
from sojourn.data.documents.records import ID, Place, Which
from sojourn.data.documents.store import Documents
from sojourn.data.documents.updating import Document
from sojourn.data.errors import DatabaseLoginRequired, QueryTimeout, ResultTooLarge
from sojourn.data.port import Bounds, Cell, Guard, Table
from sojourn.data.terms import Author, Deleted, Modified, TableChanges
from sojourn.engine.live import Session
from sojourn.pipelines.errors import StepFailed
from sojourn.pipelines.powers import ApplyOrder, DocumentOrder, QueryOrder

#: What the author of a flow can do something about; anything else (session ended, store busy …) is answered as such.
_REFUSALS: Final = (BadRequest, Conflict, Forbidden, NotFound, QueryTimeout, ResultTooLarge, DatabaseLoginRequired)

#: How long what only one execution sees is kept.
_ISOLATED: Final = HOUR


class _Use(NamedTuple):
    """One use of an object store."""

    store: Documents
    author: Author
    place: Place
    which: Which
    order: DocumentOrder
    guard: Guard

    async def find(self) -> list[Document]:
        """FIND."""
        order = self.order
        return await self.store.find(self.place, self.which, limit=order.limit, skip=order.skip, order=order.sort)

    async def insert(self) -> list[str]:
        """INSERT."""
        order = self.order
        return await self.store.insert(
            self.author,
            self.place,
            order.document if isinstance(order.document, list) else [order.document],
            object_id=order.object_id,
            exclusive=order.unique,
            expires_in=self._life,
            upsert=order.upsert,
            guard=self.guard,
        )

    async def update(self) -> int:
        """UPDATE."""
        order = self.order
        return await self.store.update(
            self.author,
            self.place,
            self.which,
            order.document,
            upsert=order.upsert,
            exclusive=order.unique,
            expires_in=self._life,
            guard=self.guard,
        )

    async def answer(self) -> Json:
        """The message after the step."""
        match self.order.operation:
            case "FIND":
                found = await self.find()
                return {"data": found, "rowCount": len(found)}
            case "AGGREGATE":
                found = await self.store.aggregate(self.place, self.order.query)
                return {"data": found, "rowCount": len(found)}
            case "INSERT":
                ids = await self.insert()
                return {"data": [{ID: one} for one in ids], "updateCount": len(ids)}
            case "UPDATE":
                return {"data": [], "updateCount": await self.update()}
            case "DELETE":
                gone = await self.store.delete(self.author, self.place, self.which, guard=self.guard)
                return {"data": [], "updateCount": gone}

    @property
    def _life(self) -> int:
        """Milliseconds; 0 = for ever."""
        life = self.order.expires_in
        return min(life or _ISOLATED, _ISOLATED) if self.order.isolated else life


async def documents_step(store: Documents, session: Session, order: DocumentOrder) -> Json:
    """The answer of an object store; the session is looked at before, and before the commit. Raises as ``Powers.documents``."""
    await session.check()
    author = Author(
        user_key=session.user_key,
        user_name=session.user_name,
        session=session.id,
        realm=session.realm.id,
        address=session.device.address,
        execution_key=order.execution_key,
        tag=order.execution_key,
    )
    place = Place(session.realm.id, order.store, order.execution_key if order.isolated else "")
    which = Which(order.object_id, None if order.operation == "AGGREGATE" else order.query)
    try:
        return await _Use(store, author, place, which, order, session.check).answer()
    except _REFUSALS as error:
        raise StepFailed(error.message, error.status) from error


async def query_step(database: Database, order: QueryOrder) -> Json:
    """The rows of a statement. Raises as ``Powers.query``."""
    parameters: Any = order.parameters
    try:
        found = await database.query(order.sql, parameters, bounds=Bounds(rows=order.limit))
    except _REFUSALS as error:
        raise StepFailed(error.message, error.status) from error
    names = found.names
    rows = [{name: _json(cell) for name, cell in zip(names, row, strict=True)} for row in found.rows]
    return {"data": rows, "rowCount": len(rows)}


async def apply_step(database: Database, order: ApplyOrder) -> Json:
    """What was changed. Raises as ``Powers.apply``."""
    try:
        table = await database.table(order.table)
        if order.operation == "INSERT":
            changes, keys = await _inserted(database, table, order)
        elif order.operation == "UPDATE":
            changes, keys = _modified(table, order), []
        else:
            changes, keys = _deleted(table, order), []
        if order.tracking_id:
            database.tracking_id = order.tracking_id
        version = await database.apply_updates([changes])
    except _REFUSALS as error:
        raise StepFailed(error.message, error.status) from error
    return {"data": [{table.key: key} for key in keys], "updateCount": len(order.rows), "version": version}


async def _inserted(database: Database, table: Table, order: ApplyOrder) -> tuple[TableChanges, list[Any]]:
    rows = [_cells(table, row) for row in order.rows]
    keyless = [row for row in rows if row.get(table.key) is None]
    if keyless and table.key:
        first = await database.create_key(len(keyless))
        for place, row in enumerate(keyless):
            row[table.key] = first + place
    return TableChanges(table=table.name, inserted=rows), [row.get(table.key) for row in rows]


def _modified(table: Table, order: ApplyOrder) -> TableChanges:
    originals = [_cells(table, one) for one in order.originals] or [{} for _ in order.rows]
    modified = []
    for row, original in zip(order.rows, originals, strict=True):
        values = _cells(table, row)
        modified.append(Modified(_key(table, values.pop(table.key, None)), original, values))
    return TableChanges(table=table.name, modified=modified)


def _deleted(table: Table, order: ApplyOrder) -> TableChanges:
    originals = [_cells(table, one) for one in order.originals] or [{} for _ in order.rows]
    keys = [row.get(table.key) if isinstance(row, dict) else row for row in order.rows]
    deleted = [Deleted(_key(table, key), original) for key, original in zip(keys, originals, strict=True)]
    return TableChanges(table=table.name, deleted=deleted)


def _key(table: Table, value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise StepFailed(f"a row has no {table.key or 'key'}", 422)
    return value


def _cells(table: Table, row: Json) -> dict[str, Cell]:
    """The columns of a row of the message, each with the type of its column."""
    if not isinstance(row, dict):
        raise StepFailed("a row is an object", 422)
    return {name: _cell(table, name, value) for name, value in row.items()}


def _cell(table: Table, name: str, value: Any) -> Cell:
    column = table.columns.get(name)
    read = _READ.get(column.type) if column and isinstance(value, str) else None
    if read is None:
        return value  # type: ignore[no-any-return] # a value of JSON, which the database checks
    try:
        return read(value)
    except ValueError:
        raise StepFailed(f"{name}: this is no {column.type if column else 'value'}", 422) from None


_READ: Final[Mapping[str, Callable[[str], Cell]]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "datetime": datetime.fromisoformat,
    "bytes": lambda text: base64.b64decode(text, validate=True),
}


def _json(cell: Cell) -> Json:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, bytes):
        return base64.b64encode(cell).decode()
    if isinstance(cell, float) and not math.isfinite(cell):
        return None
    return cell
