"""How many environments there may be, and whose go when another one is needed."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

from sojourn.config.addresses import is_loopback
from sojourn.config.settings import Settings
from sojourn.engine.live import Session
from sojourn.model.address import address_block
from sojourn.scripting.environments import Environment
from sojourn.scripting.errors import EnvironmentsExhausted
from sojourn.scripting.runtime import RuntimeName
from sojourn.scripting.workers import Kind, Workers

#: How long an execution waits for room, in seconds, and how many wait at once.
PATIENCE = 5.0
MOST_WAITING = 200


class AnonymousEnvironments(EnvironmentsExhausted):
    """There are as many environments of visitors who are not logged in as there may be."""

    code = "environment.anonymous_limit"


class Asker(NamedTuple):
    """Who needs an environment."""

    session: Session
    #: Whether it is a client that nobody knows: then the share of anonymous sessions holds.
    visitor: bool
    #: How long to wait for room, in seconds: 0 for who holds an environment while it asks for another one.
    patience: float = PATIENCE

    @property
    def block(self) -> str:
        """Where a visitor comes from; empty for everybody else, and where the address says nothing."""
        address = self.session.device.address
        return address_block(address) if self.visitor and address and not is_loopback(address) else ""


class Inventory(Protocol):
    """The environments that there are."""

    def __iter__(self) -> Iterator[Environment]:
        """All of them."""
        ...

    async def drop(self, environment: Environment, reason: str) -> None:
        """End one, whatever it does."""
        ...


class Ceilings:
    """The ceilings of one process: its part of the node's.

    Args:
        workers: All processes.
        settings: Of the project.
    """

    def __init__(self, workers: Workers, settings: Settings) -> None:
        self._workers = workers
        processes = settings.server.workers
        self._most = max(1, settings.scripts.max_environments // processes)
        self._most_v8 = max(1, settings.scripts.max_environments_v8 // processes)
        self._visitors = max(1, self._most * settings.scripts.anonymous_share // 100)
        self._per_block = settings.sessions.anonymous_per_address
        #: Places of visitors whose environment is being made, by address block.
        self._reserved: Counter[str] = Counter()
        self._waiting: deque[asyncio.Future[None]] = deque()
        #: How many were refused since the start, by the error's code.
        self.refused: Counter[str] = Counter()

    def full(self, kind: Kind) -> bool:
        """Whether no other worker of this kind may be opened."""
        return self._workers.count() >= self._most or self._full_of_v8(kind)

    def freed(self) -> None:
        """An environment has become idle, or is gone: who waits may look again."""
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)
                return

    @asynccontextmanager
    async def place(self, asker: Asker, stock: Inventory) -> AsyncIterator[None]:
        """A place in the share of visitors while an environment is taken inside; for others nothing.

        Raises :class:`AnonymousEnvironments`.
        """
        if not asker.visitor:
            yield
            return
        block = asker.block
        await self._place(block, stock)
        self._reserved[block] += 1
        try:
            yield
        finally:
            self._reserved[block] -= 1

    async def room(self, kind: Kind, asker: Asker, stock: Inventory, instead: Sequence[Environment] = ()) -> bool:
        """Make sure that a worker can be taken; no wait lies between the return and the caller's next step.

        False, and no room, when meanwhile there is one of ``instead``. Raises ``EnvironmentsExhausted``.
        """
        try:
            async with asyncio.timeout(asker.patience or None):
                while not self._workers.ready(kind) and self.full(kind):
                    if instead:
                        return False
                    runtime = kind.runtime if self._full_of_v8(kind) else None
                    if not await self._make_room(kind, runtime, asker, stock):
                        await self._wait(asker)
        except TimeoutError:
            raise self._refused(EnvironmentsExhausted()) from None
        return True

    def _full_of_v8(self, kind: Kind) -> bool:
        return kind.runtime == "v8" and self._workers.count("v8") >= self._most_v8

    async def _place(self, block: str, stock: Inventory) -> None:
        while True:
            held = [environment for environment in stock if environment.anonymous]
            of_block = [environment for environment in held if environment.block == block]
            crowded = bool(block and self._per_block) and len(of_block) + self._reserved[block] >= self._per_block
            if not crowded and len(held) + self._reserved.total() < self._visitors:
                return
            victim = _idlest(of_block if crowded else held)
            if victim is None:
                raise self._refused(AnonymousEnvironments())
            await stock.drop(victim, "room")

    async def _make_room(self, kind: Kind, runtime: RuntimeName | None, asker: Asker, stock: Inventory) -> bool:
        """End what can best be spared, of ``runtime`` where it is given; whether there was something."""
        if await self._workers.spare(kind, runtime):
            return True
        some = [environment for environment in stock if runtime in (None, environment.runtime)]
        victim = _idlest(environment for environment in some if not environment.sid)
        victim = victim or _idlest(environment for environment in some if environment.anonymous)
        if victim is None and not asker.visitor:
            victim = min((one for one in some if one.anonymous), key=_last_used, default=None)
        if victim is None:
            return False
        await stock.drop(victim, "room")
        return True

    async def _wait(self, asker: Asker) -> None:
        if not asker.patience or len(self._waiting) >= MOST_WAITING:
            raise self._refused(EnvironmentsExhausted())
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        try:
            await waiting
        except BaseException:
            # Called at the very moment: the next one may have the room.
            if waiting.done() and not waiting.cancelled():
                self.freed()
            raise

    def _refused(self, error: EnvironmentsExhausted) -> EnvironmentsExhausted:
        self.refused[error.code] += 1
        return error


def _idlest(environments: Iterable[Environment]) -> Environment | None:
    """The idle one whose last use is the longest ago; None without one."""
    return min((one for one in environments if not one.busy), key=_last_used, default=None)


def _last_used(environment: Environment) -> int:
    return environment.used
