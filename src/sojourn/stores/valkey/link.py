"""The connection: every command goes through a :class:`Link`, which says of a failure whether anything may have been written.

One server is reached by a connection of our own (:mod:`~sojourn.stores.valkey.single`), a cluster by the client of the
Valkey project, which knows routes and failover (:mod:`~sojourn.stores.valkey.cluster`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sojourn.config.valkey_url import Place
from sojourn.core.errors import OutcomeUnknown
from sojourn.stores.valkey.packing import Text
from sojourn.stores.valkey.scripts import Script

#: Milliseconds that replicas have to acknowledge an end, a rotation or a take, where the place asks for that.
REPLICATED_WITHIN = 1_000


class Link(ABC):
    """The way to a server or a cluster. Every method but :meth:`close` raises the store's own errors."""

    def __init__(self, place: Place) -> None:
        self.place = place
        #: Commands that were answered, and those whose connection broke.
        self.answers = 0
        self.losses = 0
        #: Called at once when another run of the server stands there than before; where that can be told.
        self.on_another_run: Callable[[], None] | None = None

    @abstractmethod
    async def script(self, script: Script, key: Sequence[str], args: Sequence[str], *, writes: bool) -> Any:
        """Run ``script`` on keys of one slot. ``writes`` = a lost answer is ``OutcomeUnknown``, never repeated."""

    @abstractmethod
    async def whole(self, key: str) -> Mapping[bytes, bytes]:
        """A hash with all of its elements; empty when there is none."""

    @abstractmethod
    async def command(self, key: str, *words: Text, writes: bool = False) -> Any:
        """One command on the node that has ``key``."""

    @abstractmethod
    async def everywhere(self, *words: str) -> dict[str, Any]:
        """One command on every primary: address -> answer."""

    @abstractmethod
    async def read(self, commands: Sequence[Sequence[Text]]) -> list[Any]:
        """The answers of many reads, each of one key, which is its second word; the keys may be of different slots.

        Names with values come as :func:`~sojourn.stores.valkey.packing.paired` expects them.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the connection; commands after this raise ``StoreUnavailable``."""

    async def replicated(self, key: str) -> None:
        """Wait for as many replicas as the place asks for to have everything; raises ``OutcomeUnknown`` with fewer."""
        if self.place.wait:
            have = await self.command(key, "WAIT", str(self.place.wait), str(REPLICATED_WITHIN))
            if int(have) < self.place.wait:
                raise OutcomeUnknown
