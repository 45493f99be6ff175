"""Time, handed in from outside: integer milliseconds since 1970, UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

#: An instant: milliseconds since 1970-01-01 UTC. Durations are plain ``int`` milliseconds.
Ms: TypeAlias = int

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock(Protocol):
    """Where ``now`` comes from."""

    def now(self) -> Ms:
        """The present instant."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Ms:
        """The present instant."""
        return time.time_ns() // 1_000_000


class StoreClock:
    """The time of the session store: another clock and how far the store's is ahead of it."""

    def __init__(self, system: Clock) -> None:
        #: The clock of this machine.
        self.system = system
        #: Milliseconds that the store's clock is ahead; 0 until it was measured.
        self.offset = 0

    def now(self) -> Ms:
        """The present instant of the store, as well as it is known here."""
        return self.system.now() + self.offset

    def adjust(self, offset: int) -> None:
        """From now on the store's clock is ``offset`` milliseconds ahead."""
        self.offset = offset


class ManualClock:
    """A clock that stands still until it is told otherwise; for tests."""

    def __init__(self, start: int = 1_800_000_000_000) -> None:
        self._now = start

    def now(self) -> Ms:
        """The present instant."""
        return self._now

    def advance(self, milliseconds: int) -> None:
        """Move on by ``milliseconds``, which may be negative."""
        self._now += milliseconds


def parse_iso(text: str) -> int:
    """The instant that ``text`` says in ISO 8601, UTC where it names no zone; raises ``ValueError``."""
    said = datetime.fromisoformat(text)
    try:
        return round((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp() * 1_000)
    except OverflowError:
        raise ValueError(text) from None


def iso(instant: int) -> str:
    """``instant`` as ISO 8601 UTC with milliseconds: ``2026-11-21T22:40:00.000Z``."""
    seconds, millis = divmod(instant, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"
