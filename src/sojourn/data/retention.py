"""How long the change log is kept, and how a person is taken out of it. The chain verifies all the same.

``[changes] keep`` days after it was sealed a change is removed, ``keepValues`` days after it what the record held is
erased from it. Both stand in the chain before anything is gone, or with it, so nobody can take rows or values away as if
it had been the retention.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, func, select

from sojourn.config.settings import ChangeSettings
from sojourn.core.clock import DAY
from sojourn.core.errors import BadRequest
from sojourn.core.json import Json
from sojourn.data import schema, sealing
from sojourn.data.chain import ChainKeys
from sojourn.data.chains import Chains
from sojourn.data.changelog import record_text
from sojourn.data.errors import ConstraintFailed
from sojourn.data.port import Backend, Key
from sojourn.data.sealing import BATCH, Rewriter, Values, Written

T = TypeVar("T")

#: Batches that one round of the retention does at most.
MOST_BATCHES = 50

#: How often an act is tried again that met a sealer at the same place of the chain.
_TRIES = 20

_change, _seal = schema.change, schema.seal


class Person:
    """Whose data are to be erased from a log, as far as that is said; raises ``BadRequest`` when nothing is."""

    def __init__(
        self, *, user_key: int | None = None, records: Iterable[tuple[str, Key]] = (), words: Iterable[str] = ()
    ) -> None:
        """Name whom.

        Args:
            user_key: An account: its name and client addresses go from the changes that it made; what it changed stays.
            records: Table and key of records that are about the person: what they held goes.
            words: Names, mail addresses: what a record held goes where one of them stands in it as a whole, in whatever case.
        """
        self._user_key = user_key
        self._records = {(table, record_text(key)) for table, key in records}
        parts = sorted({re.escape(word.strip()) for word in words if word.strip()}, key=len, reverse=True)
        self._words = _whole(parts) if parts else None
        if user_key is None and not self._records and self._words is None:
            raise BadRequest("whom? name an account, a record or a word")

    def without(self, row: Written) -> Values:
        """What stays of a change."""
        left = row.values
        if (row.table, row.record) in self._records or self._names(left):
            left = left._replace(before=None, after=None, content="")
        if row.user_key == self._user_key:
            left = left._replace(user_name="", address="")
        return left

    def _names(self, values: Values) -> bool:
        if self._words is None:
            return False
        return any(text and self._words.search(text) for text in (values.before, values.after, values.content))


class Retention:
    """Removes what is too old, and erases persons."""

    def __init__(self, chains: Chains, settings: ChangeSettings) -> None:
        self._chains = chains
        self._settings = settings
        #: Up to where the values of each log were erased because they were too old.
        self._emptied: dict[str, int] = {}

    async def round(self, backend: Backend) -> None:
        """Do what is due, within bounds. Two rounds at once do no harm."""
        now = self._chains.clock.now()
        if self._settings.keep:
            limit = now - self._settings.keep * DAY
            if await self._on_top(backend, lambda c, keys: sealing.retire(c, keys, limit, now)):
                await self._chains.note_top(backend)
        await self._remove(backend)
        if self._settings.keep_values:
            await self._empty(backend, now - self._settings.keep_values * DAY)

    async def erase(self, backend: Backend, person: Person, *, actor: str) -> int:
        """Erase a person from every change that was written so far; how many changes lost something.

        Keys of records and accounts stay: they say that something was done. Raises ``ChangeLogBroken``, and what the
        databases do; what was erased until then stays erased, and to do it again does the rest.
        """
        top = await self._chains.seal_all(backend)
        await self._note(backend, actor, "eraseBegun", 0)
        count = await self._rewrite(backend, 0, top.last, person.without)
        await self._note(backend, actor, "erase", count)
        return count

    async def _remove(self, backend: Backend) -> None:
        keys = await self._chains.keys()
        removed = (await backend.read(lambda connection: sealing.newest(connection, keys))).removed
        for _ in range(MOST_BATCHES):
            if not removed or not await backend.write(lambda connection: sealing.remove(connection, removed)):
                return
            await asyncio.sleep(0)

    async def _empty(self, backend: Backend, limit: int) -> None:
        due = select(func.max(_seal.c.last)).where(_seal.c.at <= limit)
        last = await backend.read(lambda connection: connection.execute(due).scalar_one()) or 0
        first = self._emptied.get(backend.name, 0)
        until = min(last, first + MOST_BATCHES * BATCH)
        if first < until:
            await self._rewrite(backend, first, until, _emptied)
            self._emptied[backend.name] = until

    async def _rewrite(self, backend: Backend, after: int, last: int, what: Rewriter) -> int:
        """Rewrite the changes above ``after`` up to ``last``; only where something goes is anything written."""
        count, now = 0, self._chains.clock.now()
        while after < last:
            first = after

            def look(connection: Connection, first: int = first) -> tuple[list[int], int]:
                rows = sealing.written(connection, _change.c.number > first, _change.c.number <= last, most=BATCH)
                return _chosen(rows, what, last)

            numbers, after = await backend.read(look)
            if numbers:
                count += await self._on_top(backend, lambda c, keys: sealing.rewrite(c, keys, numbers, what, now))  # noqa: B023 - done before the next turn
        await self._chains.note_top(backend)
        return count

    async def _on_top(self, backend: Backend, work: Callable[[Connection, ChainKeys], T]) -> T:
        """Do ``work``, which writes a seal, again when somebody else has put one there at the same instant."""
        keys = await self._chains.keys()
        for _ in range(_TRIES - 1):
            try:
                return await backend.write(lambda connection: work(connection, keys))
            except ConstraintFailed:
                await asyncio.sleep(0)
        return await backend.write(lambda connection: work(connection, keys))

    async def _note(self, backend: Backend, actor: str, act: str, count: int) -> None:
        detail: dict[str, Json] = {"act": act, "database": backend.name, "changes": count}
        await self._chains.audit.record("CHANGE_LOG", realm="", outcome="ok", actor=actor, detail=detail)


def _whole(parts: Sequence[str]) -> re.Pattern[str]:
    """Finds one of ``parts`` that is not a part of a longer word or mail address."""
    return re.compile(rf"(?<![\w@.-])(?:{'|'.join(parts)})(?!\.?[\w@-])", re.IGNORECASE)


def _chosen(rows: Iterable[Written], what: Rewriter, last: int) -> tuple[list[int], int]:
    """The numbers of a piece that lose something, and where the next piece begins."""
    numbers: list[int] = []
    seen, count = last, 0
    for row in rows:
        count += 1
        seen = row.number
        if what(row) != row.values:
            numbers.append(row.number)
    return numbers, seen if count == BATCH else last


def _emptied(row: Written) -> Values:
    return row.values._replace(before=None, after=None) if row.table else row.values
