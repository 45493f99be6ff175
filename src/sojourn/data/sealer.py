"""The sealer: seals what was changed, at most a second after its commit, and takes away what is too old.

Every process runs it; the holder of the upkeep's lease works. Who is paused and believes to hold it still finds the place
of its seal taken (:func:`sojourn.data.sealing.put`): a chain never forks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from sojourn.core.clock import MINUTE
from sojourn.core.errors import SojournError
from sojourn.data.chains import Chains, ChangeLogBroken
from sojourn.data.databases import Databases
from sojourn.data.port import Backend
from sojourn.data.retention import Retention
from sojourn.engine.leases import Lease

_log = logging.getLogger(__name__)

#: Seconds between two looks whether something was changed.
SEAL_EVERY = 0.5

#: Looks between two times that logs of other processes are sought, and that databases which do not open are tried.
SEEK_EVERY = 20

#: Milliseconds between two looks whether something is too old.
TIDY_EVERY = 10 * MINUTE

#: Seconds between two batches of a backlog, so that writers and requests come in between.
BREATH = 0.005


class Sealer:
    """Seals the logs of all databases that were ever used."""

    def __init__(self, databases: Databases, chains: Chains, retention: Retention) -> None:
        self._databases = databases
        self._chains = chains
        self._retention = retention
        self._rounds = 0
        self._tidied = 0
        #: The logs that are not sealed because they are not what they should be: database -> what is wrong.
        self.broken: Mapping[str, str] = {}

    async def run(self, lease: Lease) -> None:
        """Seal while ``lease`` is held, until cancelled, and what is left then. Nothing that fails in a database ends it."""
        try:
            while True:
                await self._try(lease)
                await asyncio.sleep(SEAL_EVERY)
        finally:
            await self._try(lease)

    async def _try(self, lease: Lease) -> None:
        try:
            if lease.held:
                await self.round()
        except SojournError as error:
            _log.warning("sealing was put off: %s", error.code)
        except Exception:  # noqa: BLE001 - logged with all that is known
            # A defect; what was changed stays unsealed, and verification says so.
            _log.exception("sealing was put off")

    async def round(self) -> None:
        """Seal all that is not sealed, in each database; what is too old goes now and then."""
        backends = await self._in_use()
        failed: SojournError | None = None
        for backend in backends:
            try:
                await self._seal(backend)
            except SojournError as error:
                failed = failed or error
        now = self._chains.clock.now()
        if now - self._tidied >= TIDY_EVERY:
            self._tidied = now
            for backend in backends:
                if backend.name not in self.broken:
                    await self._retention.round(backend)
        if failed is not None:
            raise failed

    async def _in_use(self) -> Sequence[Backend]:
        """The databases that are open here, and those of which the engine knows a log."""
        if self._rounds % SEEK_EVERY == 0:
            for name in await self._chains.heads.all():
                if name in self._databases.names:
                    try:
                        await self._databases.named(name)
                    except SojournError as error:
                        _log.warning("the change log of database %s cannot be sealed: %s", name, error.code)
        self._rounds += 1
        return self._databases.opened()

    async def _seal(self, backend: Backend) -> None:
        try:
            while await self._chains.seal(backend) != "nothing":
                await asyncio.sleep(BREATH)
        except ChangeLogBroken as error:
            await self._tell(backend.name, error.message)
        else:
            if backend.name in self.broken:
                self.broken = {name: text for name, text in self.broken.items() if name != backend.name}

    async def _tell(self, name: str, text: str) -> None:
        """Say once what is wrong, in the log and in the audit log."""
        if self.broken.get(name) == text:
            return
        _log.critical("%s; nothing is sealed there: see `sojourn changes verify`", text)
        detail = {"act": "broken", "database": name, "text": text}
        await self._chains.audit.record("CHANGE_LOG", realm="", outcome="failed", detail=detail)
        self.broken = {**self.broken, name: text}
