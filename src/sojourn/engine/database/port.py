"""What the rules know of the engine database, whatever it is kept in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from sqlalchemy import Connection

from sojourn.core.errors import StoreUnavailable
from sojourn.stores.base import Contract, Finding

T = TypeVar("T")

#: How long an act waits for others, in seconds; None = as long as suits the database.
Patience = float | None


class Generation(NamedTuple):
    """How often the facts changed, as one connection saw it."""

    #: Another one after each break of the connection: what was read through it may have gone with a failed server.
    life: int
    number: int


class EngineDatabase(ABC):
    """Users, groups, scopes, keys, end journal and audit of one engine. It belongs to the event loop that opened it."""

    #: Random id of this engine, made when its database was.
    installation: str

    @staticmethod
    async def open(url: str, project: Path, *, patience: Patience = None) -> EngineDatabase:
        """The database that ``url`` names, brought to this version's schema; made when it does not exist.

        ``sqlite:///FILE`` (relative to ``project``) or ``postgresql://…``. Several processes may do this at once.
        ``patience`` is how many seconds an act waits for the writers of other processes. Raises ``DatabaseUrl``,
        ``StoreVersion``, ``StoreBusy``, ``StoreCorrupt``, ``StoreReadOnly``, ``StoreUnavailable``; none of them repeats
        the URL.
        """
        if url.startswith(("postgresql:", "postgres:")):
            return await _postgres(url, patience)
        from sojourn.engine.database.sqlite.database import SqliteDatabase

        return await SqliteDatabase.open(url, project, patience=patience)

    @abstractmethod
    async def read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads, all of it from one snapshot. On SQLite it runs on the event-loop thread: a few indexed
        rows only; on PostgreSQL in a thread.

        Raises ``StoreUnavailable``, ``StoreCorrupt``, ``StoreBusy``.
        """

    @abstractmethod
    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` as one transaction; it is kept when this returns, and undone when ``work`` raises.

        One ``work`` at a time over all processes, so that it may decide by what it reads. It runs in a thread. A caller
        that is cancelled does not stop a transaction that began. Raises ``StoreBusy``, ``StoreUnavailable``,
        ``StoreReadOnly``, ``StoreFull``, ``StoreCorrupt``, ``RowConflict`` (nothing written) and ``OutcomeUnknown``.
        """

    @abstractmethod
    async def append(self, work: Callable[[Connection], T]) -> T:
        """As :meth:`write`, for a ``work`` that decides nothing by what it reads: it adds rows, or is one statement.

        Not for facts. Where the database lets several writers go on at once, it waits for none.
        """

    @abstractmethod
    async def generation(self) -> Generation:
        """What differs after each committed change of the facts, by any process; never read before the call.

        Raises ``StoreUnavailable``.
        """

    @abstractmethod
    def glimpse(self) -> Generation | None:
        """As :meth:`generation` where that takes no waiting, else None."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what is under way and let go. May be called again."""


@runtime_checkable
class Examined(Protocol):
    """An engine database that can say what it promises; for ``sojourn store check``."""

    async def contract(self) -> Contract:
        """What it promises."""

    async def findings(self) -> Sequence[Finding]:
        """Everything that was looked at, now."""


@runtime_checkable
class Delayed(Protocol):
    """An engine database in which an acknowledged change might be read late."""

    async def delay(self) -> float:
        """Change the row of the generation, not its number, and look until that is read: seconds since the commit.

        0 when the first look shows it, as on one primary. Raises as ``write``.
        """


async def _postgres(url: str, patience: Patience) -> EngineDatabase:
    try:
        from sojourn.engine.database.postgres.database import PostgresDatabase
    except ImportError as error:
        message = "an engine database on PostgreSQL needs one more package: install sojourn[postgres]"
        raise StoreUnavailable(message) from error
    return await PostgresDatabase.reach(url, patience=patience)
