"""The watch over the session store: whether it is the same store, has not gone back in time, and can be relied on now.

A store that lost writes, was put back from a copy, or whose server became another one has sessions alive that ended.
Each second the watch compares the store's mark with the one that it noted last in the engine database. Where the store
went back, nothing is served until it has all its ends again from the end journal.

For metrics and operators: :attr:`StoreWatch.serving`, :attr:`~StoreWatch.recoveries`, :attr:`~StoreWatch.replayed`,
:attr:`~StoreWatch.counter`, :attr:`~StoreWatch.looked_at`, :attr:`~StoreWatch.time` (``offset``, ``error``,
``round_trip``), :meth:`StoreWatch.causes`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from sojourn.core.clock import StoreClock
from sojourn.core.errors import SojournError, StoreCorrupt, StoreUnavailable, Unavailable
from sojourn.engine.database import EngineDatabase
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.ends.replay import Replay
from sojourn.engine.watch.alarm import Alarm
from sojourn.engine.watch.marks import Noted, StoreMarks
from sojourn.engine.watch.storetime import StoreTime
from sojourn.stores.base import Described, Lifecycle, Mark, Marked, Reopened, SessionStore

_log = logging.getLogger(__name__)

#: Seconds between two looks at the store, and before the next one when it could not be reached.
LOOK_EVERY = 1.0
LOOK_AGAIN = 0.05

#: Looks between two measurements of the store's clock.
MEASURE_EVERY = 10

#: A store that is so many counts ahead of what the engine database noted has been served with another, newer one.
MOST_AHEAD = 60


class StoreRecovering(Unavailable):
    """The session store is being brought up to date; try again in a moment."""

    code = "store.recovering"


class MarkNotNoted(Unavailable):
    """The mark of the session store could not be noted in the engine database."""

    code = "store.mark_not_noted"


class _Written(NamedTuple):
    """How much was written: ends by this process, exactly, and whatever else the store counts."""

    ends: int
    commits: int


class StoreWatch:
    """Says whether sessions may be opened, and brings a store that went back up to date."""

    def __init__(self, *, store: SessionStore, db: EngineDatabase, journal: EndJournal, clock: StoreClock) -> None:
        self._store = store
        self._db = db
        self._journal = journal
        self._clock = clock
        self._marks = StoreMarks(db)
        self._replay = Replay(store=store, journal=journal, clock=clock)
        #: The store's clock.
        self.time = StoreTime(store, clock)
        self._known: Mark | None = None
        self._era = 0
        #: What was written when the counter was raised last.
        self._written = self._count()
        self._looks = 0
        self._went_back = ""
        self._away: SojournError | None = None
        self._alarm = Alarm(store, self._decide)
        #: Whether sessions may be opened.
        self.serving = True
        #: How often the store went back while this process ran, or before it started.
        self.recoveries = 0
        #: When the store was seen last, milliseconds since 1970.
        self.looked_at = 0

    @property
    def counter(self) -> int:
        """The store's counter as it was seen last."""
        return self._known.counter if self._known else 0

    @property
    def replayed(self) -> int:
        """How many sessions the end journal has ended anew since the start."""
        return self._replay.ended

    def admit(self) -> None:
        """Raise :class:`StoreRecovering` or ``StoreUnavailable`` while no session may be opened."""
        if self.serving:
            return
        if self._went_back or self._away is None:
            raise StoreRecovering
        raise type(self._away)(self._away.message)

    def causes(self) -> Mapping[str, str]:
        """What is wrong, for operators: part -> cause. Empty when all is well."""
        causes = {"store": self._away.message} if self._away else {}
        if self._went_back:
            causes["store"] = f"the session store went back: {self._went_back}; its ends are being replayed"
        if not self.time.good:
            causes["clock"] = f"the time of the session store is known to {self.time.error} ms only"
        return causes

    async def start(self) -> int:
        """Before anything is served: recognise the store and end what the journal says; how many sessions that were.

        Raises ``Unavailable`` when the store or the engine database cannot be asked.
        """
        before = self._replay.ended
        await self.time.measure()
        if not isinstance(self._store, Marked):
            await self._replay.all()
            return self._replay.ended - before
        noted = await self._marks.read()
        if noted is None:
            await self._meet(self._store)
        else:
            await self._resume(self._store, noted)
        return self._replay.ended - before

    async def run(self) -> None:
        """Look at the store each second until cancelled."""
        pause = LOOK_EVERY
        while True:
            await self._alarm.sleep(pause)
            serving = self.serving
            await self.look()
            # A broken connection is tried anew at once: it may have been nothing but that.
            pause = LOOK_EVERY if self.serving else LOOK_AGAIN if serving else min(LOOK_EVERY, 2 * pause)

    async def look(self) -> None:
        """Look once. What fails is remembered and told by :meth:`causes`, never raised."""
        rung = self._alarm.count
        try:
            if isinstance(self._away, _UNRELIABLE) and isinstance(self._store, Reopened):
                await self._store.reopen()
            if self._looks % MEASURE_EVERY == 0 or not self.time.good:
                await self.time.measure()
            self._looks += 1
            if isinstance(self._store, Marked):
                await self._compare(self._store)
            self._alarm.heed(rung)
            if isinstance(self._store, Lifecycle):
                await self._store.ping()
            await self._journal.flush()
        except SojournError as error:
            self._remember(error)
        except Exception as error:  # noqa: BLE001 - logged with all that is known
            # A defect, of a store perhaps: as nothing is known of the store now, nothing of it is served.
            _log.exception("the session store cannot be looked at")
            self._remember(StoreUnavailable(f"the session store failed in an unexpected way: {type(error).__name__}"))
        else:
            self._remember(None)

    async def close(self) -> None:
        """Leave the mark of what this process wrote last. Failures are only logged: the next start looks closer."""
        try:
            await self._journal.flush()
            noted = await self._marks.read()
            if isinstance(self._store, Marked) and noted is not None and self._count() != self._written:
                mark = await self._store.mark()
                if not self._went_back and not self._broken(mark, noted):
                    await self._advance(self._store, noted.era)
        except SojournError as error:
            _log.info("the mark of the session store was not noted: %s", error.code)

    async def _meet(self, store: Marked) -> None:
        """The first time with this engine database."""
        owner = await store.adopt(self._db.installation)
        if owner != self._db.installation:
            _log.warning("the session store was made by another engine database: its sessions are not served")
            await self._marks.refuse_before(self._clock.now())
        await self._replay.all()
        await self._advance(store, 0)

    async def _resume(self, store: Marked, noted: Noted) -> None:
        mark = await store.mark()
        broken = self._broken(mark, noted)
        if broken:
            await self._recover(store, mark, broken)
            return
        if mark.counter > noted.counter + MOST_AHEAD:
            _log.error("the engine database is older than the session store: sessions made before now are not served")
            await self._marks.refuse_before(self._clock.now())
        self._era = noted.era
        await self._replay.doubtful(noted.number)
        await self._advance(store, noted.era)

    async def _compare(self, store: Marked) -> None:
        noted = await self._marks.read()
        if noted is None:
            return
        if noted.era != self._era:
            # Another process has brought the store up to date already.
            self._era, self._known = noted.era, None
        mark = await store.mark()
        broken = self._went_back or self._broken(mark, noted)
        if broken:
            await self._recover(store, mark, broken)
        elif noted.counter < mark.counter:
            # First this one: a counter that runs ahead of what is noted looks like an engine database that is too old.
            await self._note(mark, noted.era)
        elif self._count() != self._written:
            await self._advance(store, noted.era)
        else:
            self._known = mark

    def _broken(self, mark: Mark, noted: Noted) -> str:
        """Why ``mark`` is not of the same store at a later time; empty when it is."""
        if mark.installation != noted.installation:
            return "it is another store"
        if noted.run and mark.run != noted.run:
            return "its server was restarted, replaced or promoted"
        expected = max(noted.counter, self._known.counter if self._known else 0)
        return f"its counter is {mark.counter} and was {expected}" if mark.counter < expected else ""

    async def _advance(self, store: Marked, era: int) -> None:
        """Give the store a higher counter than any copy of it has, then note it."""
        written = self._count()
        counter = await store.advance()
        mark = (await store.mark())._replace(counter=counter)
        if self._known is not None and self._broken(mark, Noted(0, era, *self._known, 0)):
            raise StoreUnavailable("the session store went back at this very moment")
        # What the look itself writes is no change. An end that comes meanwhile is one: the journal counts it.
        self._written = written._replace(commits=self._count().commits)
        await self._note(mark, era)

    async def _note(self, mark: Mark, era: int) -> None:
        try:
            noted = await self._marks.note(mark, self._clock.now(), era=era)
        except Unavailable as error:
            raise MarkNotNoted from error
        self._known, self._era = mark, noted.era

    async def _recover(self, store: Marked, mark: Mark, broken: str) -> None:
        if not self._went_back:
            _log.error("the session store went back: %s; nothing is served until its ends are replayed", broken)
        self._went_back = broken
        self._decide()
        owner = await store.adopt(self._db.installation)
        if owner != self._db.installation:
            await self._marks.refuse_before(self._clock.now())
        count = await self._replay.all()
        counter = await store.advance()
        after = await store.mark()
        if after.run != mark.run or counter <= mark.counter:
            raise StoreUnavailable("the session store went back once more while its ends were replayed")
        noted = await self._marks.begin_era(after, self._clock.now())
        self._known, self._era, self._went_back = after, noted.era, ""
        self.recoveries += 1
        self._decide()
        _log.warning("the session store is up to date again: the end journal ended %d sessions", count)

    def _remember(self, error: SojournError | None) -> None:
        if error is not None and (self._away is None or self._away.code != error.code):
            _log.error("the session store cannot be relied on: %s: %s", error.code, error.message)
        if error is None:
            self.looked_at = self._clock.now()
            if self._away is not None:
                _log.warning("the session store can be relied on again")
        self._away = error
        self._decide()

    def _decide(self) -> None:
        doubtful = bool(self._went_back) or self._alarm.rings or isinstance(self._away, _UNRELIABLE)
        self.serving = not doubtful and self.time.good

    def _count(self) -> _Written:
        counters = self._store.counters() if isinstance(self._store, Described) else {}
        return _Written(self._journal.confirmations, counters.get("commits", 0))


#: With these nothing is known of the store: it may be another one when it comes back. A busy, full or read-only store
#: is still the same.
_UNRELIABLE = (StoreUnavailable, StoreCorrupt)
