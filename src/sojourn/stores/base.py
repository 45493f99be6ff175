"""The ports of a session store. Time is an argument; a store keeps records and refuses conflicts, rules live above.

Laws: :mod:`sojourn.testing.stores`. Every act is atomic and durable as the store's contract says when it returns.
An act that finds a session past its limits writes the tombstone before it answers (*an observed expiry is an end*).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from sojourn.model.field import DEFAULT_LIMITS, Changed, Limits, Op
from sojourn.model.session import End, IssuedToken, Loaded, Rotation, Session, Tombstone

#: Where a list goes on: (created, id) of the last session seen.
Cursor = tuple[int, str]


class Ended(NamedTuple):
    """The outcome of :meth:`SessionStore.end`."""

    #: Whether this call ended it; otherwise it was ended before.
    now: bool
    #: The *first* end.
    end: End


class Swept(NamedTuple):
    """The outcome of one turn of the sweeper."""

    handled: int
    #: Whether more is due.
    more: bool


class SessionStore(Protocol):
    """Keeps sessions and their fields. ``realm`` is the realm's immutable id, ``now`` the store's time."""

    async def create(self, session: Session, fields: Mapping[str, str], now: int) -> None:
        """Add a session with its first fields (name -> JSON text).

        Raises ``SessionExists`` when the id is known, alive or dead; the first one stays.
        """
        ...

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """The live session with its fields in one round trip, as copies.

        None alike when absent, expired, ended or of another realm; nothing is created.
        """
        ...

    async def change(
        self,
        realm: str,
        sid: str,
        epoch: int,
        ops: Sequence[Op],
        now: int,
        *,
        touch: bool = True,
        limits: Limits = DEFAULT_LIMITS,
        token: IssuedToken | None = None,
    ) -> Changed:
        """Apply all of ``ops`` or none, atomically; ``touch`` records the access; ``token`` is listed in the record.

        Guarded by the epoch and the expiry in the same act. Raises ``SessionUnknown`` (absent, other realm),
        ``SessionEnded``, ``StaleSession`` (other epoch), ``FieldConflict``, ``BadOperand``, ``FieldLimit``.
        Without ops and token it is a touch and leaves the version as it is.
        """
        ...

    async def rotate(self, realm: str, sid: str, epoch: int, to: Rotation, now: int) -> Session:
        """Replace secret and identity, bump the epoch, keep the named fields: one act.

        The old secret is dead afterwards. Raises ``SessionUnknown``, ``SessionEnded``, ``StaleSession``.
        """
        ...

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        """End it for good: bump the epoch, drop the fields, leave a tombstone. None when absent or of another realm.

        With ``epoch`` (a logout by a handle) raises ``StaleSession`` when the session has another one.
        """
        ...

    async def list(
        self, realm: str, principal: str | None, now: int, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """Live sessions of one principal (None = of all), ordered by (created, id). Empty when there are none."""
        ...

    async def sweep(self, now: int, most: int = 50) -> Swept:
        """Turn expired sessions into tombstones and delete tombstones older than 30 days, at most ``most`` of them."""
        ...


@runtime_checkable
class Tombstones(Protocol):
    """A store that remembers why a session ended."""

    async def why(self, realm: str, sid: str, now: int) -> Tombstone | None:
        """The tombstone of an ended or expired session; None when it lives, is unknown, or is of another realm."""
        ...

    async def list_ended(
        self, realm: str, principal: str | None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Tombstone]:
        """Tombstones ordered by (created, id)."""
        ...


@runtime_checkable
class Lifecycle(Protocol):
    """A store that holds connections or files."""

    async def close(self) -> None:
        """Finish what is under way and let go. Acts after this raise ``StoreUnavailable``."""
        ...

    async def ping(self) -> None:
        """Raise ``Unavailable`` when the store cannot serve now."""
        ...


class Contract(NamedTuple):
    """What a store promises, as ``sojourn store check`` and the start log print it."""

    name: str
    durability: str
    facts: Mapping[str, str]


@runtime_checkable
class Described(Protocol):
    """A store that can say what it promises, from probing and not from its settings."""

    def contract(self) -> Contract:
        """The contract of this very store."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Monotonic counters for metrics: ``commits``, ``changes`` …"""
        ...


@runtime_checkable
class Marked(Protocol):
    """A store that can tell whether it went back: it knows its installation and counts upwards."""

    async def adopt(self, installation: str) -> str:
        """Write the id of the installation if none is there yet; returns the one that the store belongs to."""
        ...

    async def identity(self) -> tuple[str, int]:
        """Id of the installation (empty before :meth:`adopt`) and the counter."""
        ...

    async def advance(self) -> int:
        """Raise the counter, durably; returns the new one. It never goes down while the store is the same."""
        ...
