"""The ports of a session store. Time is an argument; a store keeps records and refuses conflicts, rules live above.

Laws: :mod:`sojourn.testing.stores`. Every act is atomic and durable as the store's contract says when it returns.
An act that finds a session past its limits writes the tombstone before it answers (*an observed expiry is an end*).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from sojourn.core.errors import Conflict
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Limits, Op
from sojourn.model.session import End, IssuedToken, Loaded, Rotation, Session, Tombstone

#: Where a list goes on: (created, id) of the last session seen.
Cursor = tuple[int, str]


class SessionLimit(Conflict):
    """The limit of live sessions is reached."""

    code = "session.limit"

    def __init__(self, live: Sequence[Session]) -> None:
        super().__init__()
        #: The live sessions of the owner, ordered by (created, id); at least as many as the limit allows.
        self.live = tuple(live)


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

    async def create(self, session: Session, fields: Mapping[str, str], now: int, *, most: int | None = None) -> None:
        """Add a session with its first fields (name -> JSON text).

        With ``most`` (≥ 1) never more than that many sessions of its :attr:`~sojourn.model.session.Session.owner` live
        in its realm at any moment, however many creates run at once: else :class:`SessionLimit` with those that live,
        and nothing was written. Who shall make room is for the rules above; the store evicts nobody.

        Raises ``SessionExists`` when the id is known, alive or dead; the first one stays. Raises ``FieldLimit``.
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
        idle: int | None = None,
    ) -> Changed:
        """Apply all of ``ops`` or none, atomically; ``touch`` records the access; ``token`` is listed in the record.

        ``idle`` replaces the idle limit from this act on (milliseconds, 0 = none); the act itself is judged by the old one.

        Guarded by the epoch and the expiry in the same act. Raises ``SessionUnknown`` (absent, other realm),
        ``SessionEnded``, ``StaleSession`` (other epoch), ``FieldConflict``, ``BadOperand``, ``FieldLimit``.
        Without ops, token and idle it is a touch and leaves the version as it is.
        """
        ...

    async def rotate(
        self, realm: str, sid: str, epoch: int, to: Rotation, now: int, *, most: int | None = None
    ) -> Session:
        """Replace secret and identity, bump the epoch, keep the named fields: one act.

        The old secret is dead afterwards. ``most`` as in :meth:`create`, for the new owner; the session itself does not
        count. Raises ``SessionUnknown``, ``SessionEnded``, ``StaleSession``, :class:`SessionLimit`.
        """
        ...

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        """End it for good: bump the epoch, drop the fields, leave a tombstone. None when absent or of another realm.

        With ``epoch`` (a logout by a handle) raises ``StaleSession`` when the session has another one.
        """
        ...

    async def list(
        self, realm: str, owner: str | None, now: int, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """Live sessions of one owner (None = of all), ordered by (created, id). Empty when there are none."""
        ...

    async def sweep(self, now: int, most: int = 50) -> Swept:
        """Turn expired sessions into tombstones and delete tombstones older than 30 days, at most ``most`` of them.

        What else the store keeps (bags, one-time values, counters of tries) and is over is deleted too, at most ``most``
        of each kind; none of it is counted in :attr:`Swept.handled`.
        """
        ...


@runtime_checkable
class Tombstones(Protocol):
    """A store that remembers why a session ended."""

    async def why(self, realm: str, sid: str, now: int) -> Tombstone | None:
        """The tombstone of an ended or expired session; None when it lives, is unknown, or is of another realm."""
        ...

    async def list_ended(
        self, realm: str, owner: str | None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Tombstone]:
        """Tombstones of one last owner (None = of all), ordered by (created, id)."""
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


@runtime_checkable
class Reopened(Protocol):
    """A store in a file: another file may be put in its place while it is open."""

    async def reopen(self) -> None:
        """Go on with the file that stands in the place now, when it is another one; never makes a new file.

        Raises as opening does.
        """
        ...


@runtime_checkable
class Alarmed(Protocol):
    """A store that notices by itself when another run of its server answers than before."""

    def on_another_run(self, alarm: Callable[[], None]) -> None:
        """Have ``alarm`` called in that very moment; what began before then is not served by the other run."""
        ...


@runtime_checkable
class Bags(Protocol):
    """A store that keeps one shared bag of fields for each principal (realm setting ``globalSession: user``).

    A bag lives while a session of its principal lives, and ``idle`` milliseconds after the last one died or became
    another's. Then it reads as empty, a session that begins later does not find it again, and a sweep deletes it. Deaths
    that nobody has seen yet count as well. Its fields have versions of its own.
    """

    async def read_bag(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """The fields of the bag, as copies; empty when there is none."""
        ...

    async def change_bag(
        self,
        realm: str,
        sid: str,
        epoch: int,
        ops: Sequence[Op],
        now: int,
        *,
        idle: int,
        limits: Limits = DEFAULT_LIMITS,
    ) -> Changed:
        """Apply all of ``ops`` or none to the bag of the principal of session ``sid``, atomically.

        Guarded by that session's life and epoch: once its end or rotation was acknowledged, nothing is written under the
        old epoch. The session itself is left as it is. ``idle`` is how long the bag outlives the last session of its
        principal. Raises as ``change`` does; ``SessionUnknown`` also for a session without a principal.
        """
        ...

    async def drop_bag(self, realm: str, principal: str) -> None:
        """Forget the bag and what is in it; no error when there is none."""
        ...


class Count(NamedTuple):
    """How many sessions of one kind live in one realm."""

    #: Immutable id of the realm.
    realm: str
    kind: Literal["anonymous", "account", "external"]
    live: int


@runtime_checkable
class Counted(Protocol):
    """A store that can count without listing."""

    async def count(self, now: int) -> Sequence[Count]:
        """Live sessions by realm and kind, without those of zero. Sessions past their limits may count until swept."""
        ...


@runtime_checkable
class Timed(Protocol):
    """A store on another machine, with a clock of its own."""

    async def time(self) -> int:
        """The store's clock, milliseconds since 1970."""
        ...


class Contract(NamedTuple):
    """What a store promises, as ``sojourn store check`` and the start log print it."""

    name: str
    durability: str
    facts: Mapping[str, str]


class Finding(NamedTuple):
    """One thing that ``sojourn store check`` found."""

    level: Literal["ok", "warning", "failure"]
    #: What was looked at, in a word or two: ``synchronous``, ``maxmemory-policy``, ``TLS`` …
    what: str
    #: What was found, and for a warning or failure what follows from it and what to do.
    text: str


@runtime_checkable
class Described(Protocol):
    """A store that can say what it promises, from probing and not from its settings."""

    def contract(self) -> Contract:
        """The contract of this very store."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Monotonic counters for metrics: ``commits``, ``changes`` …"""
        ...

    async def check(self) -> Sequence[Finding]:
        """What this configuration really promises, probed now: nothing is taken from settings on faith."""
        ...


class Mark(NamedTuple):
    """By which a store is recognised, and by which it is seen that it went back in time."""

    #: Id of the installation, empty before :meth:`Marked.adopt`.
    installation: str
    #: Only grows.
    counter: int
    #: Which run or line of history of the server this is: another one may have lost writes. Empty where the store has
    #: no server.
    run: str = ""


@runtime_checkable
class Marked(Protocol):
    """A store that can tell whether it went back: it knows its installation and counts upwards."""

    async def adopt(self, installation: str) -> str:
        """Write the id of the installation if none is there yet; returns the one that the store belongs to."""
        ...

    async def mark(self) -> Mark:
        """The mark as it is now."""
        ...

    async def advance(self) -> int:
        """Raise the counter, durably; returns the new one. It never goes down while the store is the same."""
        ...
