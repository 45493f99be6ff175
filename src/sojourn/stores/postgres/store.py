"""The store itself: one statement for each act, and an observed expiry written before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sojourn.core.errors import SessionEnded, SessionUnknown, StoreBusy, StoreCorrupt, StoreReadOnly, StoreVersion
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Limits, Op, check_limits
from sojourn.model.session import End, IssuedToken, Loaded, Rotation, Session, Tombstone
from sojourn.stores.base import Contract, Count, Cursor, Ended, Finding, Mark, Swept
from sojourn.stores.libpq.connecting import reach, read_url
from sojourn.stores.libpq.failures import Decoding
from sojourn.stores.libpq.lanes import Lanes
from sojourn.stores.postgres import acts, check, rows, schema
from sojourn.stores.postgres.limited import Limited
from sojourn.stores.postgres.statements import SQL, Statement
from sojourn.stores.postgres.wire import (
    Row,
    Value,
    key,
    maybe_number,
    number,
    number_of,
    text_of,
    texts,
    true,
)

#: Connections of one store at most.
CONNECTIONS = 8

_BEFORE_ALL: Cursor = (-(2**63) + 1, "")
_TRIES = 3


class PostgresStore(Limited):
    """Keeps sessions in the schema ``sojourn`` of a database; implements every port of :mod:`sojourn.stores.base`.

    It belongs to the event loop that opened it. Any number of processes and machines may use the database.
    """

    def __init__(self, lanes: Lanes, checker: check.Checker) -> None:
        self._lanes = lanes
        self._checker = checker
        self._counters = {"commits": 0, "changes": 0, "loads": 0}

    @classmethod
    async def open(cls, url: str, *, connections: int = CONNECTIONS) -> PostgresStore:
        """Open the database that ``url`` names and make the store's tables and functions where there are none.

        Raises ``StoreUnavailable`` (with the reason, never with the URL), ``StoreReadOnly`` (a replica),
        ``StoreVersion`` (made by a newer engine).
        """
        parameters = read_url(url)
        checker = check.Checker(parameters)
        connection = await reach(parameters)
        try:
            await schema.prepare(connection)
            await checker.look(connection)
        finally:
            await connection.close()
        return cls(Lanes(parameters, connections), checker)

    async def create(self, session: Session, fields: Mapping[str, str], now: int, *, most: int | None = None) -> None:
        """See :meth:`sojourn.stores.base.SessionStore.create`."""
        check_limits(fields, DEFAULT_LIMITS)
        found = await self._ask(SQL.create, *acts.creation(session, fields, now, most))
        with Decoding():
            acts.admitted(found)

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """See :meth:`sojourn.stores.base.SessionStore.load`."""
        self._counters["loads"] += 1
        while True:
            found = await self._lanes.ask(SQL.load, key(sid), key(realm))
            if not found:
                return None
            with Decoding():
                loaded = rows.loaded(found[0])
            if not rows.is_due(loaded.session, now):
                return loaded
            await self._settle(realm, [sid], now)

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
        """See :meth:`sojourn.stores.base.SessionStore.change`."""
        ops = tuple(ops)
        target = (key(realm), key(sid), number(epoch), number(now), number(now if touch else -1))
        statement, wanted = acts.wish(ops, limits, token, idle)
        found = await self._insist(statement, *target, *wanted)
        with Decoding():
            changed = acts.changed(found[0], ops, limits)
        self._counters["changes"] += 1
        return changed

    async def rotate(
        self, realm: str, sid: str, epoch: int, to: Rotation, now: int, *, most: int | None = None
    ) -> Session:
        """See :meth:`sojourn.stores.base.SessionStore.rotate`."""
        target = (key(realm), key(sid), number(epoch), number(now))
        found = await self._insist(SQL.rotate, *target, *acts.rotation(to), maybe_number(most))
        with Decoding():
            return rows.record(acts.admitted(found, kept=(-2, -1))[1:])

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        """See :meth:`sojourn.stores.base.SessionStore.end`."""
        target = (key(realm), key(sid), maybe_number(epoch))
        (row,) = await self._ask(SQL.end, *target, rows.end_text(end), number(end.at), number(now))
        if row[0] == b"ok":
            return Ended(now=True, end=end)
        with Decoding():
            try:
                acts.refuse(row, (), DEFAULT_LIMITS)
            except SessionUnknown:
                return None
            except SessionEnded:
                return Ended(now=False, end=rows.end_of(row[2]))

    async def list(
        self, realm: str, owner: str | None, now: int, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Session]:
        """See :meth:`sojourn.stores.base.SessionStore.list`."""
        live: list[Session] = []
        while len(live) < limit:
            found = await self._page((SQL.list, SQL.list_of), _place(realm, after, limit), owner)
            with Decoding():
                page = [rows.record(row) for row in found]
            due = [session.id for session in page if rows.is_due(session, now)]
            live += [session for session in page if session.id not in due]
            if due:
                await self._settle(realm, due, now)
            if len(page) < limit:
                break
            after = page[-1].created, page[-1].id
        return live[:limit]

    async def sweep(self, now: int, most: int = 50) -> Swept:
        """See :meth:`sojourn.stores.base.SessionStore.sweep`."""
        ((handled, more),) = await self._ask(SQL.sweep, number(now), number(most))
        return Swept(number_of(handled), true(more))

    async def why(self, realm: str, sid: str, now: int) -> Tombstone | None:
        """See :meth:`sojourn.stores.base.Tombstones.why`."""
        while True:
            found = await self._lanes.ask(SQL.grave, key(sid), key(realm))
            if not found:
                return None
            with Decoding():
                if found[0][rows.RECORD] is not None:
                    return rows.tombstone(found[0])
                session = rows.record(found[0])
            if not rows.is_due(session, now):
                return None
            await self._settle(realm, [sid], now)

    async def list_ended(
        self, realm: str, owner: str | None, *, after: Cursor | None = None, limit: int = 50
    ) -> Sequence[Tombstone]:
        """See :meth:`sojourn.stores.base.Tombstones.list_ended`."""
        found = await self._page((SQL.list_ended, SQL.list_ended_of), _place(realm, after, limit), owner)
        with Decoding():
            return [rows.tombstone(row) for row in found]

    async def read_bag(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """See :meth:`sojourn.stores.base.Bags.read_bag`."""
        ((found,),) = await self._lanes.ask(SQL.read_bag, key(realm), key(principal), number(now))
        with Decoding():
            return rows.fields(found)

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
        """See :meth:`sojourn.stores.base.Bags.change_bag`."""
        ops = tuple(ops)
        target = (key(realm), key(sid), number(epoch), number(now), number(idle))
        (row,) = await self._ask(SQL.change_bag, *target, *acts.operations(ops, limits))
        with Decoding():
            return acts.changed(row, ops, limits)

    async def drop_bag(self, realm: str, principal: str) -> None:
        """See :meth:`sojourn.stores.base.Bags.drop_bag`."""
        await self._ask(SQL.drop_bag, key(realm), key(principal))

    async def count(self, now: int) -> Sequence[Count]:  # noqa: ARG002 - the port's; the expired count until swept
        """See :meth:`sojourn.stores.base.Counted.count`."""
        return [rows.count(row) for row in await self._lanes.ask(SQL.counts)]

    async def time(self) -> int:
        """See :meth:`sojourn.stores.base.Timed.time`."""
        return number_of((await self._lanes.ask(SQL.time))[0][0])

    async def adopt(self, installation: str) -> str:
        """See :meth:`sojourn.stores.base.Marked.adopt`."""
        return text_of((await self._ask(SQL.adopt, installation.encode()))[0][0])

    async def mark(self) -> Mark:
        """The run is the cluster's identifier and its timeline: a promoted replica has another one."""
        ((installation, counter, run),) = await self._lanes.ask(SQL.mark)
        return Mark(text_of(installation), number_of(counter), text_of(run))

    def on_another_run(self, alarm: Callable[[], None]) -> None:
        """See :meth:`sojourn.stores.base.Alarmed.on_another_run`."""
        self._lanes.on_another_run = alarm

    async def advance(self) -> int:
        """See :meth:`sojourn.stores.base.Marked.advance`."""
        return number_of((await self._ask(SQL.advance))[0][0])

    async def close(self) -> None:
        """Finish what is under way and hang up."""
        await self._lanes.close()

    async def ping(self) -> None:
        """Raise when the server does not answer, takes no writes, or is beyond this engine's version."""
        found = await self._lanes.ask(SQL.ping)
        if not found:
            raise StoreCorrupt
        read_only, *oldest = found[0]
        if true(read_only):
            raise StoreReadOnly
        if max(map(number_of, oldest)) > schema.SCHEMA:
            raise StoreVersion

    def contract(self) -> Contract:
        """What the server said when the store was opened."""
        return self._checker.contract()

    def counters(self) -> Mapping[str, int]:
        """``commits`` are writing transactions, ``repeats`` statements that ran again after a deadlock."""
        return {
            **self._counters,
            "batches": self._counters["commits"],
            "connections": self._lanes.connections,
            "repeats": self._lanes.repeats,
        }

    async def check(self) -> Sequence[Finding]:
        """See :meth:`sojourn.stores.base.Described.check`."""
        return await self._checker.findings()

    async def _insist(self, statement: Statement, *parameters: Value) -> Sequence[Row]:
        for _ in range(_TRIES):
            found = await self._ask(statement, *parameters)
            if found[0][0] != acts.AGAIN:
                return found
        raise StoreBusy

    async def _settle(self, realm: str, sids: Sequence[str], now: int) -> None:
        await self._ask(SQL.settle, key(realm), texts(key(sid).decode() for sid in sids), number(now))

    async def _page(self, of: tuple[Statement, Statement], place: Sequence[Value], owner: str | None) -> Sequence[Row]:
        of_all, of_one = of
        if owner is None:
            return await self._lanes.ask(of_all, *place)
        return await self._lanes.ask(of_one, *place, key(owner))


def _place(realm: str, after: Cursor | None, limit: int) -> Sequence[Value]:
    created, sid = after or _BEFORE_ALL
    return key(realm), number(created), key(sid), number(limit)
