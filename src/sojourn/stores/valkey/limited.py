"""Values that are taken once, and counters of tries: a key and a script for each."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.core.errors import StoreCorrupt
from sojourn.stores.limited import Taken, Tried
from sojourn.stores.valkey.failures import ODD
from sojourn.stores.valkey.keys import Keys
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.scripts import scripts


class ValkeyLimited:
    """The acts of :class:`~sojourn.stores.limited.OneTime` and :class:`~sojourn.stores.limited.Throttle`."""

    def __init__(self, link: Link, names: Keys) -> None:
        self._link = link
        self._names = names

    async def put(self, name: str, text: str, until: int, now: int) -> bool:
        """Keep it where none is."""
        key = self._names.once(name)
        answer = await self._link.script(scripts().once_put, (key,), (text, str(until), str(now)), writes=True)
        return bool(answer[0] == b"ok")

    async def look(self, name: str, now: int) -> str | None:
        """The text that may be taken."""
        key = self._names.once(name)
        text, until, taken = await self._link.command(key, "HMGET", key, "x", "u", "t")
        if text is None or taken is not None:
            return None
        try:
            return str(text.decode()) if now < int(until) else None
        except ODD as error:
            raise StoreCorrupt from error

    async def take(self, name: str, now: int, remember: int) -> Taken | None:
        """Take it, or tell of the one who did; where the place asks for that, replicas know before it is answered."""
        key = self._names.once(name)
        answer = await self._link.script(scripts().once_take, (key,), (str(now), str(remember)), writes=True)
        if answer[0] == b"none":
            return None
        word, text, at = answer
        if word == b"first":
            await self._link.replicated(key)
        return Taken(text.decode(), word == b"first", int(at))

    async def drop(self, name: str) -> None:
        """Forget it."""
        key = self._names.once(name)
        await self._link.command(key, "DEL", key, writes=True)

    async def count(self, name: str, delays: Sequence[int], now: int, forget: int) -> Tried:
        """Count a try."""
        args = (str(now), str(forget), *(str(delay) for delay in delays or (0,)))
        answer = await self._link.script(scripts().throttle_count, (self._names.throttle(name),), args, writes=True)
        admitted, tries, wait = answer
        return Tried(admitted == b"1", int(tries), int(wait))

    async def give_back(self, name: str, now: int) -> None:
        """Count one less, and open."""
        key = self._names.throttle(name)
        await self._link.script(scripts().throttle_back, (key,), (str(now),), writes=True)

    async def reset(self, name: str) -> None:
        """Forget the counter."""
        key = self._names.throttle(name)
        await self._link.command(key, "DEL", key, writes=True)
