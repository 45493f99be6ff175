"""Values that are taken once, and counters of tries: one call for each act."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.stores.libpq.lanes import Lanes
from sojourn.stores.limited import Taken, Tried
from sojourn.stores.postgres.statements import SQL, Statement
from sojourn.stores.postgres.wire import Row, Value, key, number, number_of, numbers, text_of, true


class Limited:
    """The powers :class:`~sojourn.stores.limited.OneTime` and :class:`~sojourn.stores.limited.Throttle` of the store."""

    _lanes: Lanes
    _counters: dict[str, int]

    async def put(self, name: str, text: str, until: int, now: int) -> bool:
        """See :meth:`sojourn.stores.limited.OneTime.put`."""
        ((put,),) = await self._ask(SQL.once_put, key(name), text.encode(), number(until), number(now))
        return true(put)

    async def look(self, name: str, now: int) -> str | None:
        """See :meth:`sojourn.stores.limited.OneTime.look`."""
        found = await self._lanes.ask(SQL.once_look, key(name), number(now))
        return text_of(found[0][0]) if found else None

    async def take(self, name: str, now: int, *, remember: int = 0) -> Taken | None:
        """See :meth:`sojourn.stores.limited.OneTime.take`."""
        found = await self._ask(SQL.once_take, key(name), number(now), number(remember))
        if not found:
            return None
        first, value, at = found[0]
        return Taken(text_of(value), true(first), number_of(at))

    async def drop(self, name: str) -> None:
        """See :meth:`sojourn.stores.limited.OneTime.drop`."""
        await self._ask(SQL.once_drop, key(name))

    async def count_try(self, name: str, delays: Sequence[int], now: int, *, forget: int) -> Tried:
        """See :meth:`sojourn.stores.limited.Throttle.count_try`."""
        wanted = (numbers(delays or (0,)), number(now), number(forget))
        ((admitted, tries, wait),) = await self._ask(SQL.throttle_count, key(name), *wanted)
        return Tried(true(admitted), number_of(tries), number_of(wait))

    async def give_back(self, name: str, now: int) -> None:
        """See :meth:`sojourn.stores.limited.Throttle.give_back`."""
        await self._ask(SQL.throttle_give_back, key(name), number(now))

    async def reset(self, name: str) -> None:
        """See :meth:`sojourn.stores.limited.Throttle.reset`."""
        await self._ask(SQL.throttle_reset, key(name))

    async def _ask(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        found = await self._lanes.ask(statement, *parameters)
        self._counters["commits"] += 1
        return found
