"""What the engine database remembers of the session store: by which mark it was last seen."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from sojourn.engine.database import EngineDatabase, schema
from sojourn.stores.base import Mark

_table = schema.store_mark


class Noted(NamedTuple):
    """The mark as it was noted last."""

    #: How often a mark was noted. Rows of the end journal are confirmed under it.
    number: int
    #: How often the store went back and was brought up to date again.
    era: int
    installation: str
    counter: int
    run: str
    #: Milliseconds since 1970.
    noted_at: int


class StoreMarks:
    """The one row of marks."""

    def __init__(self, db: EngineDatabase) -> None:
        self._db = db

    async def read(self) -> Noted | None:
        """What was noted last; None before the first noting."""
        return await self._db.read(_read)

    async def note(self, mark: Mark, now: int, *, era: int) -> Noted:
        """Note ``mark``, unless the store went back since ``era``; what is noted now. The counter never goes down."""

        def work(connection: Connection) -> Noted:
            known = _read(connection)
            if known is not None and known.era != era:
                return known
            counter = max(mark.counter, known.counter) if known else mark.counter
            return _write(connection, known, Noted(0, era, mark.installation, counter, mark.run, now))

        return await self._db.write(work)

    async def begin_era(self, mark: Mark, now: int) -> Noted:
        """Note the ``mark`` of a store that went back and has its ends again: what came before counts no more."""

        def work(connection: Connection) -> Noted:
            known = _read(connection)
            era = known.era + 1 if known else 0
            return _write(connection, known, Noted(0, era, mark.installation, mark.counter, mark.run, now))

        return await self._db.write(work)

    async def refuse_before(self, instant: int) -> None:
        """Refuse all sessions made before ``instant``, for good."""
        table = schema.installation
        raised = update(table).where(table.c.not_before < instant).values(not_before=instant)
        await self._db.write(lambda connection: connection.execute(raised).rowcount)


def _read(connection: Connection) -> Noted | None:
    row = connection.execute(_SELECT).one_or_none()
    return Noted(*row) if row else None


def _write(connection: Connection, known: Noted | None, noted: Noted) -> Noted:
    noted = noted._replace(number=known.number + 1 if known else 1)
    connection.execute((update(_table) if known else insert(_table)).values(**noted._asdict()))
    return noted


_SELECT = select(*(_table.c[name] for name in Noted._fields))
