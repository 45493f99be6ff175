"""Powers of a store beside its sessions: values that one caller can take, and counters of tries.

Laws: :mod:`sojourn.testing.stores`. Time is an argument, as in :mod:`sojourn.stores.base`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class Taken(NamedTuple):
    """The outcome of :meth:`OneTime.take`."""

    text: str
    #: Whether this very call took it; otherwise it was taken before and is still remembered.
    first: bool
    #: When it was taken first, milliseconds since 1970.
    at: int


@runtime_checkable
class OneTime(Protocol):
    """A store that keeps values which exactly one caller can take: codes, states, refresh tokens, seen identifiers.

    ``name`` is the caller's own, at most 200 printable ASCII characters, and holds no secret in the clear; ``text`` has no
    NUL character. A value is there until ``until``, an instant; at that very instant it is gone, taken or not. Names
    belong to the installation, not to a realm. What is gone is deleted by a sweep.

    An act whose outcome is not known raises ``OutcomeUnknown``, which is a denial: the value may have been taken by it,
    and then nobody else gets ``first``.
    """

    async def put(self, name: str, text: str, until: int, now: int) -> bool:
        """Keep ``text`` under ``name``; False, and nothing changed, when a value is there or is remembered as taken.

        False also when ``until`` is not after ``now``: nobody could take it any more.
        """
        ...

    async def look(self, name: str, now: int) -> str | None:
        """The value when it is there and was not taken."""
        ...

    async def take(self, name: str, now: int, *, remember: int = 0) -> Taken | None:
        """Take the value: of any number of callers at once exactly one gets ``first``.

        That it was taken is remembered ``remember`` milliseconds (as the first caller says), though not beyond its
        ``until``; callers within that time get the same text with ``first`` False, later ones None. None also when there
        never was one. What is not remembered any more may be put again.
        """
        ...

    async def drop(self, name: str) -> None:
        """Forget the value and that it was taken; no error when there is none."""
        ...


class Tried(NamedTuple):
    """The outcome of :meth:`Throttle.count_try`."""

    admitted: bool
    #: Tries that are counted, this one included.
    tries: int
    #: Milliseconds until the next one is admitted, 0 = now.
    wait: int


@runtime_checkable
class Throttle(Protocol):
    """A store that counts tries. ``name`` as in :class:`OneTime`; the two keep their names apart.

    A count whose outcome is not known raises ``OutcomeUnknown``; it may have been counted.
    """

    async def count_try(self, name: str, delays: Sequence[int], now: int, *, forget: int) -> Tried:
        """Count a try, and say whether it may go on: one conditional write, so that n tries at once count n.

        After the k-th try ``delays[k - 1]`` milliseconds have to pass until another one is admitted; the last of
        ``delays`` stands for all later ones too, and without any every try is admitted. At the very instant at which they
        have passed it is admitted. A try that is not admitted is counted and moves nothing else: the delay after the next
        one that is admitted is longer by it.

        A counter that has not been counted up for ``forget`` milliseconds, as the last count said, begins at 0, and no
        delay is left of it; so ``forget`` should be longer than each of ``delays``. A sweep deletes it then.
        """
        ...

    async def give_back(self, name: str, now: int) -> None:
        """Take one counted try back, because it succeeded, and admit the next one at once; never below 0."""
        ...

    async def reset(self, name: str) -> None:
        """Count from 0 again; the next try is admitted."""
        ...
