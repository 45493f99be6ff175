"""Whether the engine can serve, and if not, why. The public listener says only up or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sojourn.core.errors import SojournError
from sojourn.engine.rules import Rules
from sojourn.http.replies import RETRY, Reply, json_reply
from sojourn.stores.base import Lifecycle

LIVE = json_reply(200, {"status": "up"})

_DOWN = json_reply(503, {"status": "down"}, RETRY)


class Health:
    """The state of one process. ``scripts`` tells which of them are in use in their last good version, and why."""

    def __init__(self, rules: Rules, scripts: Callable[[], Mapping[str, str]] = dict) -> None:
        self._rules = rules
        self._scripts = scripts
        #: Set when the process has begun to shut down.
        self.draining = False
        #: Problems of the project's files as they are now; the last good ones keep serving.
        self.stale: Sequence[str] = ()

    def amiss(self) -> Sequence[str]:
        """What of the project is not in use as it is: files, then scripts whose last good version is."""
        return [*self.stale, *(f"{uri}: {text}" for uri, text in self._scripts().items())]

    async def causes(self) -> Mapping[str, str]:
        """What is wrong: part -> cause. Empty when the engine can serve."""
        causes = {"server": "draining"} if self.draining else {}
        causes.update(self._rules.watch.causes())
        try:
            if isinstance(self._rules.store, Lifecycle):
                await self._rules.store.ping()
        except SojournError as error:
            causes.setdefault("store", error.message)
        try:
            await self._rules.facts.current()
        except SojournError as error:
            causes["database"] = error.message
        return causes

    async def public(self) -> Reply:
        """``/health/ready`` for everybody."""
        return _DOWN if await self.causes() else LIVE
