"""Throttling: a try is counted before it costs anything, and given back when it succeeded.

Counters live in the session store, so all processes and nodes share them; a store that cannot be reached admits nobody.
They are named by keyed hashes: who reads the store learns neither names nor addresses. What is not there is counted like
what is, so no answer tells whether an account exists.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from sojourn.core.clock import DAY, HOUR, MINUTE, SECOND, Clock
from sojourn.core.errors import StoreUnavailable, TooManyTries
from sojourn.core.ids import same
from sojourn.engine.accounts.directory import account_key
from sojourn.engine.database import EngineDatabase
from sojourn.engine.keys.seals import Seals
from sojourn.model.address import address_block
from sojourn.model.realm import Realm
from sojourn.model.user import MAX_EMAIL, fold
from sojourn.stores.base import SessionStore
from sojourn.stores.limited import Throttle

#: What is tried. Passwords are ``login`` wherever they are shown, so that no way in has tries of its own.
Kind = Literal["login", "reset", "code", "client", "token"]

#: Pause after each failed try of one account or name: ten are free. In milliseconds, as all here.
OF_NAME = (
    *[0] * 9,
    SECOND,
    2 * SECOND,
    4 * SECOND,
    8 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
)

#: The same of one address block: behind it there may be many people.
OF_ADDRESS = (
    *[0] * 29,
    SECOND,
    SECOND,
    2 * SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    20 * SECOND,
    30 * SECOND,
    MINUTE,
)

#: How many tries a device has of its own that has been logged in to the account before.
OF_DEVICE = 10

#: Mails with a code to one account: at most so many an hour.
MAILS_AN_HOUR = 3

#: Tries of one mailed code, over all methods.
OF_CODE = 5

#: After so long without a try everything is forgotten.
FORGET = DAY

#: How many accounts one device is remembered for.
MOST_MARKS = 5

_MARK_BYTES = 16


class Policy(NamedTuple):
    """The pauses after each try, by what is counted; empty = not counted."""

    name: Sequence[int]
    address: Sequence[int]
    forget: int = FORGET


_POLICIES: Mapping[Kind, Policy] = {
    "login": Policy(OF_NAME, OF_ADDRESS),
    # Whoever asks for mails in others' names is slowed down by the address; the mails themselves have a limit of their own.
    "reset": Policy((), (*[0] * 9, MINUTE, 5 * MINUTE), HOUR),
    "code": Policy((), OF_ADDRESS),
    "client": Policy(OF_NAME, OF_ADDRESS),
    "token": Policy((), OF_ADDRESS),
}


class ShownDevice(NamedTuple):
    """What a client shows of the device that it runs on; nothing here gives identity."""

    #: Name of the device, empty for none.
    id: str = ""
    #: Signatures over the device and an account that was logged in on it.
    marks: tuple[str, ...] = ()


NO_DEVICE = ShownDevice()


class Try:
    """One admitted try. Without :meth:`succeeded` it stays counted."""

    def __init__(self, store: Throttle, clock: Clock, counters: Sequence[str], own: str = "") -> None:
        self._store = store
        self._clock = clock
        self._counters = counters
        self._own = own

    @property
    def known(self) -> bool:
        """Whether a device that is known to the account tries."""
        return bool(self._own)

    async def succeeded(self) -> None:
        """Give the try back: neither the account nor the neighbours pay for it."""
        if self._own:
            await self._store.reset(self._own)
        await self.withdraw()

    async def withdraw(self) -> None:
        """Give it back because nothing was tried after all."""
        counters = (self._own,) if self._own else self._counters
        for counter in counters:
            await self._store.give_back(counter, self._clock.now())


class Throttling:
    """Admits tries, or says how long to wait."""

    def __init__(self, store: SessionStore, db: EngineDatabase, seals: Seals, clock: Clock) -> None:
        self._store = store
        self._db = db
        self._clock = clock
        self._seals = seals
        self._names = self._devices = b""

    async def admit(
        self, kind: Kind, realm: Realm, name: str, address: str = "", device: ShownDevice = NO_DEVICE
    ) -> Try:
        """Count a try and admit it.

        ``name`` is a user name or mail address, known or not. A device that is known to the account has tries of its own,
        whatever others try meanwhile. Raises ``TooManyTries``, alike for every name, and ``StoreUnavailable``.
        """
        await self._know_keys()
        store, policy, directory = self._power(), _POLICIES[kind], realm.config.directory
        subject = await self.subject(directory, name)
        own = self._known(directory, subject, device)
        if own and kind == "login":
            free = (*[0] * (OF_DEVICE - 1), policy.forget)
            if (await store.count_try(own, free, self._clock.now(), forget=policy.forget)).admitted:
                return Try(store, self._clock, (), own)
        counters: list[str] = []
        # The neighbourhood first: who is refused there does not use up the tries of the account.
        for what, text, delays in (
            ("address", address_block(address) if address else "", policy.address),
            ("name", subject, policy.name),
        ):
            if text and delays:
                counter = self._counter(kind, what, directory, text)
                tried = await store.count_try(counter, delays, self._clock.now(), forget=policy.forget)
                if not tried.admitted:
                    raise TooManyTries(tried.wait)
                counters.append(counter)
        return Try(store, self._clock, counters)

    async def failed_in_a_row(self, realm: Realm, name: str) -> int:
        """Count a failed login towards the lock of the account; how many there were since the last success."""
        counter = await self._row(realm, name)
        return (await self._power().count_try(counter, (0,), self._clock.now(), forget=30 * DAY)).tries

    async def forget_failed(self, realm: Realm, name: str) -> None:
        """Begin the row anew."""
        await self._power().reset(await self._row(realm, name))

    async def admit_mail(self, account: int) -> bool:
        """Whether one more mail with a code may go to an account now; counted when it may."""
        await self._know_keys()
        delays, counter = (*[0] * (MAILS_AN_HOUR - 1), HOUR), self._counter("mail", str(account))
        return (await self._power().count_try(counter, delays, self._clock.now(), forget=HOUR)).admitted

    async def admit_code(self, subject: str) -> bool:
        """Whether one more code may be tried for ``subject``; counted in any case."""
        await self._know_keys()
        free = (*[0] * (OF_CODE - 1), DAY)
        return (
            await self._power().count_try(self._counter("code", subject), free, self._clock.now(), forget=DAY)
        ).admitted

    async def forget_codes(self, subject: str) -> None:
        """A new code has tries of its own."""
        await self._know_keys()
        await self._power().reset(self._counter("code", subject))

    async def give_back_code(self, subject: str) -> None:
        """The code was right: what was refused is something else."""
        await self._know_keys()
        await self._power().give_back(self._counter("code", subject), self._clock.now())

    @staticmethod
    def account(key: int) -> str:
        """What :meth:`subject` gives for the names of an account."""
        return _account(key)

    async def subject(self, directory: str, name: str) -> str:
        """What stands for a name in counters: its account, so that name and mail address count as one; else itself."""
        key = await self._db.read(lambda connection: account_key(connection, directory, name))
        if key is not None:
            return _account(key)
        return f"n:{directory}:{fold(name[:MAX_EMAIL])}"

    async def mark(self, directory: str, account: int, device: ShownDevice) -> ShownDevice:
        """``device`` with the signature that it is known to the account; the accounts of longest ago are forgotten."""
        await self._know_keys()
        new = self._mark(directory, _account(account), device.id)
        return device._replace(marks=(new, *(mark for mark in device.marks if mark != new))[:MOST_MARKS])

    async def _row(self, realm: Realm, name: str) -> str:
        await self._know_keys()
        return self._counter("row", await self.subject(realm.config.directory, name))

    def _known(self, directory: str, subject: str, device: ShownDevice) -> str:
        """The counter of the device when the account knows it, else empty."""
        if not device.id:
            return ""
        right = self._mark(directory, subject, device.id).encode()
        # No early exit: the time says nothing of which one it was.
        fits = [same(right, mark.encode()) for mark in device.marks[:MOST_MARKS]]
        return self._counter("device", subject, device.id) if any(fits) else ""

    def _mark(self, directory: str, subject: str, device: str) -> str:
        digest = _hmac(self._devices, directory, subject, device)[:_MARK_BYTES]
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _counter(self, *parts: str) -> str:
        return f"try:{_hmac(self._names, *parts).hex()}"

    async def _know_keys(self) -> None:
        """Read the keys once: the same in every process, and not changed with the master key."""
        if not self._names:
            secret = await self._seals.secret("throttling")
            self._devices, self._names = _hmac(secret, "device marks"), _hmac(secret, "names of counters")

    def _power(self) -> Throttle:
        if not isinstance(self._store, Throttle):
            raise StoreUnavailable("the session store cannot count tries")
        return self._store


def _account(key: int) -> str:
    return f"a:{key}"


def _hmac(key: bytes, *parts: str) -> bytes:
    text = "\0".join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
