"""What an engine does by itself while it is open: it watches its store, sweeps, drops with notice, finishes ends,
forgets old events of the audit log and dead tokens, rotates keys.

The watch runs in every process. The rest is done by one process of all nodes, the holder of the lease ``sweeper``; when
that process dies, another one takes over within half a minute.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy import Connection, select

from sojourn.core.clock import SECOND, Clock
from sojourn.core.errors import SojournError
from sojourn.core.ids import new_token
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.drops import Drops
from sojourn.engine.ends.ends import Ends
from sojourn.engine.leases import Lease, Leases
from sojourn.engine.sweeper import Sweeper
from sojourn.engine.tokens.uses import TokenUses
from sojourn.engine.watch.delay import WriteToRead
from sojourn.engine.watch.watch import StoreWatch

_log = logging.getLogger(__name__)

#: Name of the lease.
LEASE = "sweeper"

#: How long the lease lasts when its holder dies, in milliseconds; and how many chores come between two renewals.
LEASE_FOR = 30 * SECOND
RENEW_EVERY = 10

Chore = Callable[[], Awaitable[object]]

#: Seconds between two chores: a drop with notice is at most so late.
CHORE_EVERY = 1.0


class Upkeep:
    """The work in the background of one process; ``chores`` are done every ten seconds by the holder of the lease."""

    def __init__(
        self,
        *,
        watch: StoreWatch,
        sweeper: Sweeper,
        drops: Drops,
        ends: Ends,
        leases: Leases,
        chores: Sequence[Chore],
        db: EngineDatabase,
        uses: TokenUses,
        clock: Clock,
    ) -> None:
        self._watch = watch
        self._drops = drops
        self._ends = ends
        self._leases = leases
        self._db = db
        self._uses = uses
        self._clock = clock
        self._chores = 0
        self._buried: set[str] = set()
        self._rare: Sequence[Chore] = (self._drop, self._bury_realms, *chores)
        #: How late changes of the engine database are read.
        self.delay = WriteToRead(db)
        #: Sweeps the store.
        self.sweeper = sweeper
        #: The right to do what only one process does.
        self.lease = Lease(leases, LEASE, _new_holder(), LEASE_FOR)

    def also(self, chore: Chore) -> None:
        """Do ``chore`` too, with those that come every ten seconds."""
        self._rare = (*self._rare, chore)

    async def run(self) -> None:
        """Go on until cancelled. Nothing that fails in a store ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch.run())
                group.create_task(self._do_chores())
                group.create_task(self.sweeper.run(self.lease))
        finally:
            await asyncio.shield(self._let_go())

    async def chore(self) -> None:
        """Do what is due this second, as far as this process has the right to."""
        now_and_then = self._chores % RENEW_EVERY == 0
        if now_and_then:
            await self.lease.renew()
        self._chores += 1
        # Each process writes its own.
        await self._uses.flush()
        chores: Sequence[Chore] = (self.delay.measure,) if now_and_then else ()
        if self.lease.held:
            chores = (*chores, *(self._rare if now_and_then else (self._drop,)))
        await self._each(chores)

    async def holder(self) -> str:
        """Which process does it now; empty when none does."""
        return await self._leases.holder(LEASE)

    async def _do_chores(self) -> None:
        while True:
            try:
                await self.chore()
            except SojournError as error:
                _log.warning("the upkeep was put off: %s", error.code)
            except Exception:  # noqa: BLE001 - logged with all that is known
                # A defect, of a store perhaps; whoever waits for the end of a session waits no longer for that.
                _log.exception("the upkeep was put off")
            await asyncio.sleep(CHORE_EVERY)

    async def _each(self, chores: Sequence[Chore]) -> None:
        """Do all of ``chores``, and raise what the first of them raised that failed."""
        failed = None
        for chore in chores:
            try:
                await chore()
            except SojournError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    async def _drop(self) -> None:
        await self._drops.run_due(self._clock.now())

    async def _bury_realms(self) -> None:
        """End what is left of removed realms: no fence lets it pass, but lists and limits should not count it."""
        for realm_id in await self._db.read(_removed_realms):
            if realm_id not in self._buried:
                await self._ends.bury_realm(realm_id)
                self._buried.add(realm_id)

    async def _let_go(self) -> None:
        await self._uses.close()
        try:
            await self.lease.release()
        except SojournError as error:
            _log.info("the lease was not given back: %s", error.code)


def _removed_realms(connection: Connection) -> Sequence[str]:
    return connection.execute(select(schema.realm.c.id).where(schema.realm.c.removed.is_not(None))).scalars().all()


def _new_holder() -> str:
    """A name for this process among those of all nodes."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_token()[:8]}"
