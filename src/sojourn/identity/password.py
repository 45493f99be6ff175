"""Argon2id in a pool of its own, so that logins never starve the session checks.

The library is imported with the first hash: most processes of the command line never need one.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sojourn.core.errors import BadRequest, LoginBusy
from sojourn.identity.rules import MIN_LENGTH, PasswordRule, broken
from sojourn.model.user import password_bytes

if TYPE_CHECKING:
    from argon2 import PasswordHasher as Argon2

T = TypeVar("T")

__all__ = ["MIN_LENGTH", "Cost", "PasswordHasher", "WeakPassword"]

#: Checks that may wait beyond the queue, for those who have been logged in from the same device before.
_RESERVE = 16

#: How much less than the rest of the process the threads that hash get of a busy machine: steps of ``nice``.
_NICE = 5


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
        #: ``short``, ``long``, ``common``, ``name``, ``used`` or ``rule``.
        self.reason = reason


class PasswordHasher:
    """Hashes and verifies: at most one thread a core, and a short queue before :class:`LoginBusy`."""

    def __init__(self, cost: Cost = Cost(), *, workers: int | None = None, queue: int = 64) -> None:  # noqa: B008 - frozen
        """``queue`` is how many may wait for a thread."""
        # One core stays free for the event loop: hashing must not slow down the checks of sessions.
        threads = workers or max(1, (os.cpu_count() or 1) - 1)
        self._cost = cost
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password", initializer=_step_back)
        self._room = BoundedSemaphore(threads + queue)
        self._reserve = BoundedSemaphore(_RESERVE)
        self._closed = False
        self._argon2: Argon2 | None = None
        self._nobody = _stored_by_nobody(cost)

    def check_new(self, password: str, *, names: Sequence[str] = (), min_length: int = MIN_LENGTH) -> None:
        """Raise :class:`WeakPassword` when nobody should choose ``password``; ``names`` are the account's own."""
        self.check_rule(password, PasswordRule(min_length=min_length), names)

    def check_rule(self, password: str, rule: PasswordRule, names: Sequence[str] = ()) -> None:
        """The same by a rule."""
        found = broken(password, rule, names)
        if found:
            raise WeakPassword(found[0][0], "; ".join(sentence for _, sentence in found))

    async def hash(self, password: str) -> str:
        """The stored form. Raises :class:`WeakPassword` (longer than any may be) and :class:`LoginBusy`."""
        raw = password_bytes(password)
        if raw is None:
            raise WeakPassword("long", "a password has at most 1024 characters")
        return await self._run(lambda: self._hasher().hash(raw))

    async def verify(self, stored: str | None, password: str, *, known: bool = False) -> bool:
        """Whether ``password`` is the one behind ``stored``.

        None, as of an unknown user, takes the same time and is False. ``known`` tries find room when others have taken
        all that there is for everybody. Raises :class:`LoginBusy`.
        """
        raw = password_bytes(password)
        fits = await self._run(lambda: self._fits(stored or self._nobody, raw or b""), known=known)
        return fits and bool(stored) and raw is not None

    async def fits_any(self, stored: Sequence[str], password: str) -> bool:
        """Whether ``password`` is the one behind any of ``stored``, all of them in one turn. Raises :class:`LoginBusy`."""
        raw = password_bytes(password)
        if raw is None or not stored:
            return False
        return await self._run(lambda: any(self._fits(one, raw) for one in stored))

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

    async def _run(self, work: Callable[[], T], *, known: bool = False) -> T:
        room = self._free_room(known=known)
        running = self._pool.submit(work)
        running.add_done_callback(lambda _done: room.release())
        return await asyncio.wrap_future(running)

    def _free_room(self, *, known: bool) -> BoundedSemaphore:
        if not self._closed:
            for room in (self._room, self._reserve) if known else (self._room,):
                if room.acquire(blocking=False):
                    return room
        raise LoginBusy


def _step_back() -> None:
    """Give this thread less of a busy machine than the event loop has; Linux knows the niceness of a thread."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _stored_by_nobody(cost: Cost) -> str:
    """A well-formed stored password that nothing fits: to verify against it costs what a real one costs."""
    salt, digest = (base64.b64encode(os.urandom(size)).rstrip(b"=").decode() for size in (16, 32))
    return f"$argon2id$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}${salt}${digest}"
