"""Object stores: JSON documents of a realm under a name, in the database of the application.

Every change has its rows in the change log, like that of any other record; what expires goes without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice

from sqlalchemy import Connection, delete, select

from sojourn.core import json
from sojourn.core.clock import Clock
from sojourn.core.json import Json
from sojourn.data.changelog import Draft, append, next_version
from sojourn.data.documents.aggregating import compile_aggregation
from sojourn.data.documents.ordering import sorted_documents
from sojourn.data.documents.records import (
    MAX_BYTES,
    MAX_INSERT,
    MAX_RESULT,
    MAX_SWEPT,
    ROWS,
    TABLE,
    BadDocument,
    DocumentExists,
    Entry,
    Place,
    StoreIsExclusive,
    Which,
    add,
    alone,
    new_id,
    open_store,
    replace,
    search,
    seed,
    shown,
    text_of,
)
from sojourn.data.documents.updating import Document, compile_update
from sojourn.data.errors import ResultTooLarge
from sojourn.data.port import Backend, Guard
from sojourn.data.terms import Author


async def sweep(backends: Iterable[Backend], clock: Clock) -> None:
    """Remove the documents whose time is over from these databases. Raises as ``Backend.write``."""
    for backend in backends:
        while await Documents(backend, clock).sweep() == MAX_SWEPT:
            pass


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
            found = map(shown, search(connection, place, which, now))
            ordered = found if order is None else sorted_documents(found, order)
            return _bounded(list(islice(ordered, skip, skip + limit if limit else None)))

        return await self._backend.read(work)

    async def aggregate(self, place: Place, stages: Json) -> list[Document]:
        """What an aggregation makes of the documents of a store."""
        make, now = compile_aggregation(stages), self._clock.now()

        def work(connection: Connection) -> list[Document]:
            return _bounded(make([shown(one) for one in search(connection, place, Which(), now)]))

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
        ids = [object_id or new_id() for _ in documents]
        texts = [text_of(document) for document in documents]
        if len(documents) > MAX_INSERT or (object_id and len(documents) > 1):
            raise BadDocument(f"at most {MAX_INSERT} documents at once, with an id one")
        expires = now + expires_in if expires_in else None

        def work(connection: Connection) -> list[str]:
            store = open_store(connection, place, exclusive=exclusive)
            if len(documents) > 1 and store.exclusive:
                raise StoreIsExclusive
            if upsert and store.exclusive:
                # As with the update: of two who find none, one would be told that there is one.
                alone(connection, store)
            drafts = []
            for one, text in zip(ids, texts, strict=True):
                there = next(search(connection, place, Which(one), now, lock=True), None) if store.exclusive else None
                if there is not None and not upsert:
                    raise DocumentExists
                drafts.append(
                    replace(connection, there, text, expires)
                    if there is not None
                    else add(connection, store, Entry(one, place.execution, text, expires), now)
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
            store = alone(connection, open_store(connection, place, exclusive=exclusive)) if upsert else None
            drafts, met = [], False
            for one in list(search(connection, place, which, now, lock=True)):
                met = True
                text = text_of(make(one.document))
                if text != one.row["content"] or expires is not None:
                    drafts.append(replace(connection, one, text, expires))
            if not met and store is not None:
                made = text_of(make(seed(which)))
                drafts.append(add(connection, store, Entry(which.id or new_id(), place.execution, made, expires), now))
            append(connection, author, drafts, next_version(connection) if drafts else 0, now)
            return len(drafts)

        return await self._backend.write(work, guard)

    async def delete(self, author: Author, place: Place, which: Which, *, guard: Guard | None = None) -> int:
        """Remove documents; how many there were."""
        now = self._clock.now()

        def work(connection: Connection) -> int:
            found = list(search(connection, place, which, now, lock=True))
            for one in found:
                connection.execute(delete(ROWS).where(ROWS.c.number == one.number))
            drafts = [Draft("DELETE", TABLE.name, one.number, before=one.row) for one in found]
            append(connection, author, drafts, next_version(connection) if drafts else 0, now)
            return len(found)

        return await self._backend.write(work, guard)

    async def sweep(self, most: int = MAX_SWEPT) -> int:
        """Remove up to ``most`` documents whose time is over; how many there were."""
        dead = select(ROWS.c.number).where(ROWS.c.expires <= self._clock.now()).limit(most)
        gone = delete(ROWS).where(ROWS.c.number.in_(dead))
        return await self._backend.write(lambda connection: connection.execute(gone).rowcount)


def _bounded(found: list[Document]) -> list[Document]:
    if len(found) > MAX_RESULT or sum(len(json.encode(one)) for one in found) > MAX_BYTES:
        raise ResultTooLarge
    return found
