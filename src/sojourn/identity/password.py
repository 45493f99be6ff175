"""Argon2id in a pool of its own, so that logins never starve the session checks.

The library is imported with the first hash: most processes of the command line never need one.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sojourn.core.errors import BadRequest, LoginBusy
from sojourn.identity.weak import weakness
from sojourn.model.user import password_bytes

if TYPE_CHECKING:
    from argon2 import PasswordHasher as Argon2

T = TypeVar("T")

#: Where the password is the only factor [ASVS 6.2.1, NIST SP 800-63B-4].
MIN_LENGTH = 15


class Cost(NamedTuple):
    """What one hash costs; the defaults are OWASP's minimum, about 40 ms of CPU."""

    #: KiB.
    memory: int = 19_456
    passes: int = 2
    lanes: int = 1


class WeakPassword(BadRequest):
    """This password is too easy to guess."""

    code = "user.weak_password"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        #: ``short``, ``long``, ``common`` or ``name``.
        self.reason = reason


class PasswordHasher:
    """Hashes and verifies: at most one thread a core, and a short queue before :class:`LoginBusy`."""

    def __init__(self, cost: Cost = Cost(), *, workers: int | None = None, queue: int = 64) -> None:  # noqa: B008 - frozen
        """``queue`` is how many may wait for a thread."""
        threads = workers or os.cpu_count() or 1
        self._cost = cost
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password")
        self._room = BoundedSemaphore(threads + queue)
        self._closed = False
        self._argon2: Argon2 | None = None
        self._nobody = _stored_by_nobody(cost)

    def check_new(self, password: str, *, names: Sequence[str] = (), min_length: int = MIN_LENGTH) -> None:
        """Raise :class:`WeakPassword` when nobody should choose ``password``; ``names`` are the account's own."""
        found = weakness(password, names, min_length)
        if found is not None:
            raise WeakPassword(*found)

    async def hash(self, password: str) -> str:
        """The stored form. Raises :class:`WeakPassword` (longer than any may be) and :class:`LoginBusy`."""
        raw = password_bytes(password)
        if raw is None:
            raise WeakPassword("long", "a password has at most 1024 characters")
        return await self._run(lambda: self._hasher().hash(raw))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one behind ``stored``.

        None, as of an unknown user, takes the same time and is False. Raises :class:`LoginBusy`.
        """
        raw = password_bytes(password)
        fits = await self._run(lambda: self._fits(stored or self._nobody, raw or b""))
        return fits and bool(stored) and raw is not None

    def needs_rehash(self, stored: str) -> bool:
        """Whether ``stored`` was made at another cost than today's."""
        return self._hasher().check_needs_rehash(stored)

    def close(self) -> None:
        """Finish what is under way; later calls raise :class:`LoginBusy`."""
        self._closed = True
        self._pool.shutdown()

    def _fits(self, stored: str, raw: bytes) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher().verify(stored, raw)
        except (InvalidHashError, VerificationError):
            return False

    def _hasher(self) -> Argon2:
        if self._argon2 is None:
            from argon2 import PasswordHasher as Argon2

            memory, passes, lanes = self._cost
            self._argon2 = Argon2(time_cost=passes, memory_cost=memory, parallelism=lanes)
        return self._argon2

    async def _run(self, work: Callable[[], T]) -> T:
        if self._closed or not self._room.acquire(blocking=False):
            raise LoginBusy
        running = self._pool.submit(work)
        running.add_done_callback(lambda _done: self._room.release())
        return await asyncio.wrap_future(running)


def _stored_by_nobody(cost: Cost) -> str:
    """A well-formed stored password that nothing fits: to verify against it costs what a real one costs."""
    salt, digest = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}${salt}${digest}"
