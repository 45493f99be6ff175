"""Ending a session with notice: the operator says why, the user reads it, and some minutes later the session ends.

The request is a row, so it survives a restart and is carried out by whichever process is there. The session shows it to
its user meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from sojourn.core.clock import DAY, MINUTE, Clock
from sojourn.core.errors import BadRequest, SojournError, StaleSession, StoreCorrupt
from sojourn.core.json import Json
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.ends import Ends
from sojourn.model.realm import Realm
from sojourn.model.session import End
from sojourn.stores.base import SessionStore

_table = schema.drop_request

#: How long after the request a session ends where nothing else is said, in milliseconds.
NOTICE = 3 * MINUTE

#: The longest notice.
MOST_NOTICE = DAY

#: Longest text that the user reads.
_LONGEST = 500

#: Requests that are read at once, and how many may fail before the rest is put off too.
_AT_ONCE = 50

#: Troubles of one session, which are no reason to put the others off.
_OF_ONE = (StoreCorrupt, StaleSession)


class DropRequest(NamedTuple):
    """A session that will be ended."""

    #: Public id of the session.
    session: str
    #: Immutable id of its realm.
    realm: str
    #: Key of the account that asked for it, -1 for the host.
    requester_key: int
    #: Its public name; the user reads "an operator".
    requester: str
    #: What the user is told.
    reason: str
    #: Milliseconds since 1970.
    requested_at: int
    #: When the session ends.
    drops_at: int


class Drops:
    """The requests of one engine."""

    def __init__(self, *, store: SessionStore, ends: Ends, audit: Audit, db: EngineDatabase, clock: Clock) -> None:
        self._store = store
        self._ends = ends
        self._audit = audit
        self._db = db
        self._clock = clock
        #: How many sessions this process has dropped.
        self.dropped = 0

    async def request(
        self, realm: Realm, sid: str, reason: str, *, actor_key: int, actor: str, after: int = NOTICE
    ) -> DropRequest | None:
        """End session ``sid`` in ``after`` milliseconds; None when it does not live.

        The text of a later request replaces that of an earlier one, but the session ends at the earlier of the two
        instants. Raises ``BadRequest`` when ``after`` is negative or more than a day, or the text is too long.
        """
        if not 0 <= after <= MOST_NOTICE:
            raise BadRequest(f"the notice is 0 to {MOST_NOTICE} ms")
        if len(reason) > _LONGEST:
            raise BadRequest(f"the reason has at most {_LONGEST} characters")
        now = self._clock.now()
        if await self._store.load(realm.id, sid, now) is None:
            return None
        wanted = DropRequest(sid, realm.id, actor_key, actor, reason, now, now + after)
        return await self._db.write(lambda connection: self._put(connection, wanted))

    async def pending(self, sid: str) -> DropRequest | None:
        """What was requested for this session; None when nothing was, or it was carried out."""
        found = await self._list(_table.c.session == sid, 1)
        return found[0] if found else None

    async def cancel(self, sid: str, *, actor: str = "") -> bool:
        """Let the session live; False when nothing was requested."""

        def work(connection: Connection) -> bool:
            known = _known(connection, sid)
            if known is None:
                return False
            connection.execute(delete(_table).where(_table.c.session == sid))
            self._audited(connection, "drop-cancelled", known._replace(requester=actor))
            return True

        return await self._db.write(work)

    async def list(self, realm: Realm | None = None, *, limit: int = 200) -> Sequence[DropRequest]:
        """What is requested, in one realm or in all; the soonest first."""
        return await self._list(_table.c.key > 0 if realm is None else _table.c.realm == realm.id, limit)

    async def run_due(self, now: int) -> int:
        """End what is due; how many sessions that were. What the store cannot end now stays for the next time.

        Raises what the store raised, for one session alone after the others.
        """
        count, failed = 0, dict[str, SojournError]()
        while due := await self._list((_table.c.drops_at <= now) & _table.c.session.not_in(failed), _AT_ONCE):
            for request in due:
                try:
                    count += await self._carry_out(request, now)
                except _OF_ONE as error:
                    failed[request.session] = error
            if len(failed) >= _AT_ONCE:
                break
        if failed:
            raise next(iter(failed.values()))
        return count

    async def _carry_out(self, request: DropRequest, now: int) -> bool:
        end = End("dropped", now, request.requester, request.reason)
        dropped = await self._ends.by_id(request.realm, request.session, end) == end
        self.dropped += dropped
        # The very request: one that was made anew meanwhile stays.
        done = (_table.c.session == request.session, _table.c.requested_at == request.requested_at)
        await self._forget(done)
        return dropped

    async def _forget(self, which: tuple[ColumnElement[bool], ...]) -> None:
        gone = delete(_table).where(*which)
        await self._db.write(lambda connection: connection.execute(gone).rowcount)

    async def _list(self, which: ColumnElement[bool], limit: int) -> Sequence[DropRequest]:
        wanted = _SELECT.where(which).order_by(_table.c.drops_at, _table.c.key).limit(limit)
        return await self._db.read(lambda connection: [DropRequest(*row) for row in connection.execute(wanted)])

    def _put(self, connection: Connection, wanted: DropRequest) -> DropRequest:
        known = _known(connection, wanted.session)
        if known is None:
            connection.execute(insert(_table).values(**wanted._asdict()))
        else:
            wanted = wanted._replace(drops_at=min(wanted.drops_at, known.drops_at))
            connection.execute(update(_table).where(_table.c.session == wanted.session).values(**wanted._asdict()))
        self._audited(connection, "drop-requested", wanted)
        return wanted

    def _audited(self, connection: Connection, act: str, request: DropRequest) -> None:
        detail: dict[str, Json] = {"act": act, "reason": request.reason, "dropsAt": request.drops_at}
        row = self._audit.row(
            "ADMIN", realm=request.realm, outcome="ok", actor=request.requester, session=request.session, detail=detail
        )
        connection.execute(row)


_SELECT = select(*(_table.c[name] for name in DropRequest._fields))


def _known(connection: Connection, sid: str) -> DropRequest | None:
    row = connection.execute(_SELECT.where(_table.c.session == sid)).one_or_none()
    return DropRequest(*row) if row else None
