"""The rows of object stores: found, added, replaced within a transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from sojourn.core import json
from sojourn.core.errors import BadRequest, Conflict, InvalidJson
from sojourn.core.json import Json
from sojourn.data import schema
from sojourn.data.changelog import Draft
from sojourn.data.documents.matching import compile_query
from sojourn.data.documents.updating import Document
from sojourn.data.errors import ResultTooLarge
from sojourn.data.port import Column, Table

ROWS, _store = schema.document, schema.document_store

#: The table as undo and the change log know it.
TABLE: Final = Table(
    ROWS.name,
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

#: Characters of the documents that one query or change may hold at once: each takes many times its text.
MAX_HELD: Final = 64_000_000

#: Rows that are asked of the database at once.
_AHEAD: Final = 50
_STREAMED: Final = {"stream_results": True, "max_row_buffer": _AHEAD}

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


class Found(NamedTuple):
    """A document as it is stored."""

    number: int
    row: dict[str, Json]
    document: Document


def search(connection: Connection, place: Place, which: Which, now: int, *, lock: bool = False) -> Iterator[Found]:
    """The living documents that are meant, in the order in which they were stored."""
    fits = compile_query({} if which.query is None else which.query)
    visible = ROWS.c.execution == place.execution
    live = or_(ROWS.c.expires.is_(None), ROWS.c.expires > now)
    query = select(ROWS).join(_store, _store.c.number == ROWS.c.store).where(_of(place), visible, live)
    if which.id:
        query = query.where(ROWS.c.id == which.id)
    query = query.order_by(ROWS.c.number).limit(MAX_SCAN + 1)
    if lock:
        query = query.with_for_update(of=ROWS)
    held = 0
    with connection.execute(query, execution_options=_STREAMED) as rows:
        for count, row in enumerate(rows.mappings()):
            if count == MAX_SCAN:
                raise ResultTooLarge(f"a query looks at no more than {MAX_SCAN} documents; find them by their id")
            document = json.decode(row["content"])
            if not fits({**document, ID: row["id"]}):
                continue
            held += len(row["content"])
            if held > MAX_HELD:
                raise ResultTooLarge("these are too many large documents at once; name fewer")
            yield Found(row["number"], dict(row), document)


def _of(place: Place) -> ColumnElement[bool]:
    return and_(_store.c.realm == place.realm, _store.c.name == place.name)


class Store(NamedTuple):
    """An object store."""

    number: int
    exclusive: bool


def open_store(connection: Connection, place: Place, *, exclusive: bool) -> Store:
    """The object store, made where there is none."""
    if not place.name or len(place.name) > MAX_NAME or not place.name.isprintable():
        raise BadDocument(f"an object store is named by at most {MAX_NAME} printable characters")
    query = select(_store.c.number, _store.c.exclusive).where(_of(place))
    for _ in range(2):
        row = connection.execute(query).one_or_none()
        if row is not None:
            return Store(row.number, bool(row.exclusive))
        try:
            with connection.begin_nested():
                connection.execute(insert(_store).values(realm=place.realm, name=place.name, exclusive=exclusive))
        except IntegrityError:
            continue
    row = connection.execute(query).one()
    return Store(row.number, bool(row.exclusive))


def alone(connection: Connection, store: Store) -> Store:
    """Until the commit nobody else adds what is not there; SQLite has one writer anyway."""
    connection.execute(select(_store.c.number).where(_store.c.number == store.number).with_for_update())
    return store


class Entry(NamedTuple):
    """A document that is new."""

    id: str
    execution: str
    text: str
    expires: int | None


def add(connection: Connection, store: Store, new: Entry, now: int) -> Draft:
    """Store a new document. Raises :class:`DocumentExists`, :class:`BadDocument`."""
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
        over = and_(ROWS.c.store == store.number, ROWS.c.id == new.id, ROWS.c.expires <= now)
        connection.execute(delete(ROWS).where(over))
    try:
        with connection.begin_nested():
            made = connection.execute(insert(ROWS).values(row))
    except IntegrityError:
        raise DocumentExists from None
    number = made.inserted_primary_key[0] if made.inserted_primary_key else 0
    return Draft("INSERT", TABLE.name, number, after={"number": number, **row})


def replace(connection: Connection, found: Found, text: str, expires: int | None) -> Draft:
    """Store another text in the place of a document, and another end where one is given."""
    values: dict[str, Any] = {"content": text}
    if expires is not None:
        values["expires"] = expires
    connection.execute(update(ROWS).where(ROWS.c.number == found.number).values(values))
    before = {name: found.row[name] for name in values}
    return Draft("UPDATE", TABLE.name, found.number, before=before, after=values)


def text_of(document: Json) -> str:
    """A document as it is stored. Raises :class:`BadDocument`."""
    if not isinstance(document, dict):
        raise BadDocument("a document is an object")
    text = json.encode_text({name: value for name, value in document.items() if name != ID})
    if len(text) > MAX_DOCUMENT:
        raise BadDocument(f"a document has at most {MAX_DOCUMENT} bytes")
    # What could not be read again would keep everybody from searching the store.
    if text.count("{") + text.count("[") > json.MAX_DEPTH:
        try:
            json.decode(text)
        except InvalidJson:
            raise BadDocument(f"a document nests at most {json.MAX_DEPTH} levels") from None
    return text


def shown(found: Found) -> Document:
    """A document with its id."""
    return {**found.document, ID: found.row["id"]}


def seed(which: Which) -> Document:
    """What a document that an update makes begins with: the plain values of the query."""
    query = which.query if isinstance(which.query, dict) else {}
    return {
        name: value
        for name, value in query.items()
        if not name.startswith("$") and "." not in name and name != ID and not isinstance(value, dict)
    }


def new_id() -> str:
    """An id that nobody has."""
    return secrets.token_hex(12)
