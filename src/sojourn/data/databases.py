"""The databases of a project, each opened when it is first used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sojourn.config.settings import MAIN_DATABASE
from sojourn.data.errors import DatabaseUnavailable, DatabaseUnknown
from sojourn.data.keys import Keys
from sojourn.data.port import Backend

#: Name of the database of ``stores.application``.
MAIN = MAIN_DATABASE

Open = Callable[[], Awaitable[Backend]]


class Databases:
    """The databases by name."""

    def __init__(self, known: Mapping[str, Open]) -> None:
        self._known = known
        self._open: dict[str, asyncio.Task[Backend]] = {}
        self._keys: dict[str, Keys] = {}
        self._closed = False

    @property
    def names(self) -> Sequence[str]:
        """Their names, ``main`` first."""
        return sorted(self._known, key=lambda name: (name != MAIN, name))

    async def named(self, name: str = MAIN) -> Backend:
        """The database of that name; raises ``DatabaseUnknown``, and what keeps it from being opened."""
        if name not in self._known:
            raise DatabaseUnknown(f"there is no database {name[:60]!r}")
        if self._closed:
            raise DatabaseUnavailable("the databases are closed")
        opening = self._open.get(name)
        if opening is None or (opening.done() and opening.exception() is not None):
            opening = self._open[name] = asyncio.ensure_future(self._opened(name))
        return await asyncio.shield(opening)

    async def keys(self, name: str = MAIN) -> Keys:
        """What makes the keys of that database for this process; raises as :meth:`named`."""
        backend = await self.named(name)
        return self._keys.setdefault(name, Keys(backend))

    def opened(self) -> Sequence[Backend]:
        """Those that are in use."""
        return [task.result() for task in self._open.values() if task.done() and task.exception() is None]

    async def close(self) -> None:
        """Close those that were opened. May be called again."""
        self._closed = True
        for opening in self._open.values():
            await asyncio.wait([opening])
        for backend in self.opened():
            await backend.close()

    async def _opened(self, name: str) -> Backend:
        return await self._known[name]()
