"""One-time values and counters of tries of the memory store; no ``await`` inside an act."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sojourn.stores.limited import Taken, Tried


class _Value(NamedTuple):
    text: str
    #: When it is gone, or after it was taken when that is forgotten.
    until: int
    #: When it was taken, None before.
    taken: int | None = None


class MemoryOneTime:
    """One value for each name."""

    def __init__(self) -> None:
        self._values: dict[str, _Value] = {}

    def put(self, name: str, text: str, until: int, now: int) -> bool:
        """Keep it where none is."""
        if until <= now or self._there(name, now) is not None:
            return False
        self._values[name] = _Value(text, until)
        return True

    def look(self, name: str, now: int) -> str | None:
        """The text that may be taken."""
        value = self._there(name, now)
        return value.text if value is not None and value.taken is None else None

    def take(self, name: str, now: int, remember: int) -> Taken | None:
        """Take it, or tell of the one who did."""
        value = self._there(name, now)
        if value is None:
            return None
        if value.taken is not None:
            return Taken(value.text, first=False, at=value.taken)
        if remember:
            self._values[name] = _Value(value.text, min(value.until, now + remember), now)
        else:
            del self._values[name]
        return Taken(value.text, first=True, at=now)

    def drop(self, name: str) -> None:
        """Forget it."""
        self._values.pop(name, None)

    def sweep(self, now: int, most: int) -> bool:
        """Forget what is gone; whether more may be."""
        gone = [name for name, value in self._values.items() if now >= value.until][:most]
        for name in gone:
            del self._values[name]
        return len(gone) == most

    def _there(self, name: str, now: int) -> _Value | None:
        value = self._values.get(name)
        return value if value is not None and now < value.until else None


class _Counter(NamedTuple):
    tries: int = 0
    #: From when on a try is admitted.
    opens: int = 0
    #: When it is forgotten.
    until: int = 0


class MemoryThrottle:
    """One counter for each name."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}

    def count(self, name: str, delays: Sequence[int], now: int, forget: int) -> Tried:
        """Count a try."""
        old = self._there(name, now)
        tries, admitted = old.tries + 1, now >= old.opens
        delay = delays[min(tries, len(delays)) - 1] if delays else 0
        opens = now + delay if admitted else old.opens
        self._counters[name] = _Counter(tries, opens, now + forget)
        return Tried(admitted, tries, max(opens - now, 0))

    def give_back(self, name: str, now: int) -> None:
        """Count one less, and open."""
        old = self._there(name, now)
        if old.tries > 1:
            self._counters[name] = _Counter(old.tries - 1, 0, old.until)
        else:
            self.reset(name)

    def reset(self, name: str) -> None:
        """Forget the counter."""
        self._counters.pop(name, None)

    def sweep(self, now: int, most: int) -> bool:
        """Forget the counters that begin at 0; whether more may be."""
        over = [name for name, counter in self._counters.items() if now >= counter.until][:most]
        for name in over:
            del self._counters[name]
        return len(over) == most

    def _there(self, name: str, now: int) -> _Counter:
        counter = self._counters.get(name)
        return counter if counter is not None and now < counter.until else _Counter()
