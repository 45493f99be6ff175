"""Doing the end journal to the session store again: after a crash, after an outage, after a store that went back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from sojourn.core.clock import Clock
from sojourn.core.errors import StaleSession, StoreCorrupt
from sojourn.engine.ends.journal import EndJournal, JournalEntry
from sojourn.stores.base import SessionStore

_log = logging.getLogger(__name__)

_PAGE = 200

#: Ends that are done to the store at once.
_ABREAST = 32

#: How many notings of the store's mark an ordinary start looks back. Processes that serve together may each have
#: advanced the counter once before they noted it, so the last noting alone would not do.
LOOK_BACK = 64

#: An end that was not confirmed after so many milliseconds is nobody's work any more.
_FORSAKEN = 10_000

_Read = Callable[[int], Awaitable[Sequence[JournalEntry]]]
#: Whether the session was ended now; None when that is not known.
_Act = Callable[[JournalEntry], Awaitable[bool | None]]


class Replay:
    """Makes ends final that the store has lost or never heard of."""

    def __init__(self, *, store: SessionStore, journal: EndJournal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock
        #: How many sessions the journal ended that the store had alive, since the start.
        self.ended = 0

    async def all(self) -> int:
        """The whole journal; how many sessions ended now."""
        return await self._run(lambda after: self._journal.since(0, after=after, limit=_PAGE))

    async def doubtful(self, number: int) -> int:
        """What the store may lack although its history is unbroken.

        That is what it has not confirmed, and what it confirmed in the last moments before noting ``number``: a copy of
        it with the very mark that was noted need not have these.
        """
        count = await self._run(lambda after: self._journal.unconfirmed(self._later(), after=after, limit=_PAGE))
        for noting in await self._journal.notings(max(0, number - LOOK_BACK), number):
            count += await self._run(self._confirmed_at(noting))
        return count

    async def unfinished(self) -> int:
        """Ends that the store could not be told when they were asked for.

        Raises what the store raises; ``StoreCorrupt`` for a session that cannot be read after all the others.
        """
        before = self._clock.now() - _FORSAKEN
        unreadable: list[StoreCorrupt] = []

        async def act(entry: JournalEntry) -> bool | None:
            try:
                return await self._again(entry)
            except StoreCorrupt as error:
                unreadable.append(error)
                return None

        count = await self._run(lambda after: self._journal.unconfirmed(before, after=after, limit=_PAGE), act)
        if unreadable:
            raise unreadable[0]
        return count

    def _later(self) -> int:
        return self._clock.now() + _FORSAKEN

    def _confirmed_at(self, noting: int) -> _Read:
        return lambda after: self._journal.confirmed_at(noting, after=after, limit=_PAGE)

    async def _run(self, read: _Read, act: _Act | None = None) -> int:
        count, after = 0, 0
        while page := await read(after):
            for first in range(0, len(page), _ABREAST):
                some = page[first : first + _ABREAST]
                done = await asyncio.gather(*map(act or self._again, some))
                count += done.count(True)
                self._journal.confirm(entry.key for entry, known in zip(some, done, strict=True) if known is not None)
            await self._journal.flush()
            after = page[-1].key
        if count:
            _log.warning("the end journal ended %d sessions that the session store had alive", count)
        self.ended += count
        return count

    async def _again(self, entry: JournalEntry) -> bool:
        now = self._clock.now()
        loaded = await self._store.load(entry.realm, entry.sid, now)
        # A later epoch means that the end was refused as stale: the session had become another one.
        if loaded is None or loaded.session.epoch > entry.epoch:
            return False
        try:
            ended = await self._store.end(entry.realm, entry.sid, entry.end, now, epoch=loaded.session.epoch)
        except StaleSession:
            return False
        return ended is not None and ended.now
