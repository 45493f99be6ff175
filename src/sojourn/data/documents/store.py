"""Object stores: JSON documents of a realm under a name, in the database of the application.

Every change has its rows in the change log, like that of any other record; what expires goes without one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sojourn.core import json
from sojourn.core.clock import Clock
from sojourn.core.errors import BadRequest, Conflict
from sojourn.core.json import Json
from sojourn.data import schema
from sojourn.data.changelog import Draft, append, next_version
from sojourn.data.documents.aggregating import compile_aggregation
from sojourn.data.documents.matching import compile_query
from sojourn.data.documents.ordering import sorted_documents
from sojourn.data.documents.updating import Document, compile_update
from sojourn.data.errors import ResultTooLarge
from sojourn.data.port import Backend, Column, Guard, Table
from sojourn.data.terms import Author

_table, _store = schema.document, schema.document_store

#: The table as undo and the change log know it.
TABLE: Final = Table(
    _table.name,
    {
        name: Column(name, kind)  # type: ignore[arg-type] # the words are those of ColumnType
        for name, kind in (
            ("number", "integer"),
            ("store", "integer"),
            ("id", "string"),
            ("exclusive_id", "string"),
            ("execution", "string"),
            ("expires", "integer"),
            ("content", "string"),
        )
    },
    "number",
)

#: Where a document carries its id.
ID: Final = "_oId"

#: Limits: characters of a name and of an id, bytes of one document, documents of one insert, of one result, and those
#: that one query may look at.
MAX_NAME: Final = 100
MAX_DOCUMENT: Final = 1_000_000
MAX_INSERT: Final = 1_000
MAX_RESULT: Final = 10_000
MAX_BYTES: Final = 16_000_000
MAX_SCAN: Final = 100_000

#: Documents that one transaction of the sweeper removes.
MAX_SWEPT: Final = 1_000


class BadDocument(BadRequest):
    """This cannot be kept in an object store."""

    code = "document.bad_document"


class DocumentExists(Conflict):
    """There is a document with this id."""

    code = "document.exists"


class StoreIsExclusive(Conflict):
    """An object store was made for unique ids or not, and stays so; several documents at once need one that is not."""

    code = "document.exclusive"


class Place(NamedTuple):
    """An object store as one execution sees it."""

    realm: str
    name: str
    #: Key of the execution that alone sees what it stores, empty for what all see.
    execution: str = ""


class Which(NamedTuple):
    """The documents that are meant: those with this id, or those that fit this query."""

    id: str = ""
    query: Json = None


async def sweep(backends: Iterable[Backend], clock: Clock) -> None:
    """Remove the documents whose time is over from these databases. Raises as ``Backend.write``."""
    for backend in backends:
        while await Documents(backend, clock).sweep() == MAX_SWEPT:
            pass


class _Found(NamedTuple):
    number: int
    row: dict[str, Json]
    document: Document


class Documents:
    """The object stores of one database. Raises ``BadQuery``, ``BadUpdate``, :class:`BadDocument`, and as ``Backend``."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        self._clock = clock

    async def find(
        self, place: Place, which: Which, *, limit: int = 0, skip: int = 0, order: Json = None
    ) -> list[Document]:
        """The documents in the order in which they were stored, or in ``order``; ``limit`` 0 is all. ``_oId`` is added."""
        now = self._clock.now()

        def work(connection: Connection) -> list[Document]:
            return [_shown(one) for one in _search(connection, place, which, now)]

        found = await self._backend.read(work)
        if order is not None:
            found = sorted_documents(found, order)
        return _bounded(found[skip:][: limit or None])

    async def aggregate(self, place: Place, stages: Json) -> list[Document]:
        """What an aggregation makes of the documents of a store."""
        make, now = compile_aggregation(stages), self._clock.now()

        def work(connection: Connection) -> list[Document]:
            return _bounded(make([_shown(one) for one in _search(connection, place, Which(), now)]))

        return await self._backend.read(work)

    async def insert(
        self,
        author: Author,
        place: Place,
        documents: Sequence[Json],
        *,
        object_id: str = "",
        exclusive: bool = True,
        expires_in: int = 0,
        upsert: bool = False,
        guard: Guard | None = None,
    ) -> list[str]:
        """Store documents; their ids. ``object_id`` is for one document, others get one; ``expires_in`` in ms, 0 = never.

        ``exclusive`` holds when this makes the store. Raises :class:`DocumentExists` (with ``upsert`` the document is
        replaced), :class:`StoreIsExclusive`.
        """
        now = self._clock.now()
        ids = [object_id or _new_id() for _ in documents]
        texts = [_text(document) for document in documents]
        if len(documents) > MAX_INSERT or (object_id and len(documents) > 1):
            raise BadDocument(f"at most {MAX_INSERT} documents at once, with an id one")
        expires = now + expires_in if expires_in else None

        def work(connection: Connection) -> list[str]:
            store = _open(connection, place, exclusive=exclusive)
            if len(documents) > 1 and store.exclusive:
                raise StoreIsExclusive
            drafts = []
            for one, text in zip(ids, texts, strict=True):
                there = next(_search(connection, place, Which(one), now, lock=True), None) if store.exclusive else None
                if there is not None and not upsert:
                    raise DocumentExists
                drafts.append(
                    _replace(connection, there, text, expires)
                    if there is not None
                    else _add(connection, store, _Entry(one, place.execution, text, expires), now)
                )
            append(connection, author, drafts, next_version(connection), now)
            return ids

        return await self._backend.write(work, guard)

    async def update(
        self,
        author: Author,
        place: Place,
        which: Which,
        change: Json,
        *,
        upsert: bool = False,
        exclusive: bool = True,
        expires_in: int = 0,
        guard: Guard | None = None,
    ) -> int:
        """Change documents in place; how many are different now. With ``upsert`` one is made where none is meant."""
        now = self._clock.now()
        make = compile_update(
            change, datetime.fromtimestamp(now / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        )
        expires = now + expires_in if expires_in else None

        def work(connection: Connection) -> int:
            # Whoever may add a document looks for it alone: two would both find none.
            store = _alone(connection, _open(connection, place, exclusive=exclusive)) if upsert else None
            drafts, met = [], False
            for one in list(_search(connection, place, which, now, lock=True)):
                met = True
                text = _text(make(one.document))
                if text != one.row["content"] or expires is not None:
                    drafts.append(_replace(connection, one, text, expires))
            if not met and store is not None:
                made = _text(make(_seed(which)))
                drafts.append(
                    _add(connection, store, _Entry(which.id or _new_id(), place.execution, made, expires), now)
                )
            append(connection, author, drafts, next_version(connection) if drafts else 0, now)
            return len(drafts)

        return await self._backend.write(work, guard)

    async def delete(self, author: Author, place: Place, which: Which, *, guard: Guard | None = None) -> int:
        """Remove documents; how many there were."""
        now = self._clock.now()

        def work(connection: Connection) -> int:
            found = list(_search(connection, place, which, now, lock=True))
            for one in found:
                connection.execute(delete(_table).where(_table.c.number == one.number))
            drafts = [Draft("DELETE", TABLE.name, one.number, before=one.row) for one in found]
            append(connection, author, drafts, next_version(connection) if drafts else 0, now)
            return len(found)

        return await self._backend.write(work, guard)

    async def sweep(self, most: int = MAX_SWEPT) -> int:
        """Remove up to ``most`` documents whose time is over; how many there were."""
        dead = select(_table.c.number).where(_table.c.expires <= self._clock.now()).limit(most)
        gone = delete(_table).where(_table.c.number.in_(dead))
        return await self._backend.write(lambda connection: connection.execute(gone).rowcount)


def _bounded(found: list[Document]) -> list[Document]:
    if len(found) > MAX_RESULT or sum(len(json.encode(one)) for one in found) > MAX_BYTES:
        raise ResultTooLarge
    return found


def _search(connection: Connection, place: Place, which: Which, now: int, *, lock: bool = False) -> Iterator[_Found]:
    """The living documents that are meant, in the order in which they were stored."""
    fits = compile_query({} if which.query is None else which.query)
    visible = _table.c.execution == place.execution
    live = or_(_table.c.expires.is_(None), _table.c.expires > now)
    query = select(_table).join(_store, _store.c.number == _table.c.store).where(_of(place), visible, live)
    if which.id:
        query = query.where(_table.c.id == which.id)
    query = query.order_by(_table.c.number).limit(MAX_SCAN + 1)
    if lock:
        query = query.with_for_update(of=_table)
    for count, row in enumerate(connection.execute(query).mappings()):
        if count == MAX_SCAN:
            raise ResultTooLarge(f"a query looks at no more than {MAX_SCAN} documents; find them by their id")
        document = json.decode(row["content"])
        if fits({**document, ID: row["id"]}):
            yield _Found(row["number"], dict(row), document)


def _of(place: Place) -> ColumnElement[bool]:
    return and_(_store.c.realm == place.realm, _store.c.name == place.name)


class _Store(NamedTuple):
    number: int
    exclusive: bool


def _open(connection: Connection, place: Place, *, exclusive: bool) -> _Store:
    """The object store, made where there is none."""
    if not place.name or len(place.name) > MAX_NAME or not place.name.isprintable():
        raise BadDocument(f"an object store is named by at most {MAX_NAME} printable characters")
    query = select(_store.c.number, _store.c.exclusive).where(_of(place))
    for _ in range(2):
        row = connection.execute(query).one_or_none()
        if row is not None:
            return _Store(row.number, bool(row.exclusive))
        try:
            with connection.begin_nested():
                connection.execute(insert(_store).values(realm=place.realm, name=place.name, exclusive=exclusive))
        except IntegrityError:
            continue
    row = connection.execute(query).one()
    return _Store(row.number, bool(row.exclusive))


def _alone(connection: Connection, store: _Store) -> _Store:
    """Until the commit nobody else adds what is not there; SQLite has one writer anyway."""
    connection.execute(select(_store.c.number).where(_store.c.number == store.number).with_for_update())
    return store


class _Entry(NamedTuple):
    """A document that is new."""

    id: str
    execution: str
    text: str
    expires: int | None


def _add(connection: Connection, store: _Store, new: _Entry, now: int) -> Draft:
    if len(new.id) > MAX_NAME or not new.id.isprintable():
        raise BadDocument(f"an id has at most {MAX_NAME} printable characters")
    row: dict[str, Any] = {
        "store": store.number,
        "id": new.id,
        "exclusive_id": new.id if store.exclusive else None,
        "execution": new.execution,
        "expires": new.expires,
        "content": new.text,
    }
    if store.exclusive:
        # One whose time is over is there until it is swept; its id is free.
        over = and_(_table.c.store == store.number, _table.c.id == new.id, _table.c.expires <= now)
        connection.execute(delete(_table).where(over))
    try:
        with connection.begin_nested():
            made = connection.execute(insert(_table).values(row))
    except IntegrityError:
        raise DocumentExists from None
    number = made.inserted_primary_key[0] if made.inserted_primary_key else 0
    return Draft("INSERT", TABLE.name, number, after={"number": number, **row})


def _replace(connection: Connection, found: _Found, text: str, expires: int | None) -> Draft:
    values: dict[str, Any] = {"content": text}
    if expires is not None:
        values["expires"] = expires
    connection.execute(update(_table).where(_table.c.number == found.number).values(values))
    before = {name: found.row[name] for name in values}
    return Draft("UPDATE", TABLE.name, found.number, before=before, after=values)


def _text(document: Json) -> str:
    if not isinstance(document, dict):
        raise BadDocument("a document is an object")
    text = json.encode_text({name: value for name, value in document.items() if name != ID})
    if len(text) > MAX_DOCUMENT:
        raise BadDocument(f"a document has at most {MAX_DOCUMENT} bytes")
    return text


def _shown(found: _Found) -> Document:
    return {**found.document, ID: found.row["id"]}


def _seed(which: Which) -> Document:
    """What a document that an update makes begins with: the plain values of the query."""
    query = which.query if isinstance(which.query, dict) else {}
    return {
        name: value
        for name, value in query.items()
        if not name.startswith("$") and "." not in name and name != ID and not isinstance(value, dict)
    }


def _new_id() -> str:
    return secrets.token_hex(12)
