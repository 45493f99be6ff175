"""When and from where AuthTokens are used: counted in memory, written in batches, and audited where it is new."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from sqlalchemy import Connection, func, insert, select, update

from sojourn.core.clock import MINUTE, Clock
from sojourn.core.errors import SojournError
from sojourn.core.json import Json
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.tokens.records import TokenRecord
from sojourn.model.address import address_block

#: How long a use may wait to be written, in milliseconds; and the tokens that one transaction writes.
FLUSH_EVERY: Final = MINUTE // 2
BATCH: Final = 200

#: Address blocks of one token that are told apart; further ones are counted and not audited.
MOST_PLACES: Final = 100

#: Pairs of token and block that this process remembers to have been written.
_REMEMBERED: Final = 20_000

_uses, _places = schema.auth_token_use, schema.auth_token_place


class _Pending:
    """Uses of one token that are not written yet."""

    __slots__ = ("address", "last", "uses")

    def __init__(self) -> None:
        self.last = 0
        self.uses = 0
        self.address = ""


class TokenUses:
    """Notes uses. The first one from an address block is on disk, with its audit row, before it is answered."""

    def __init__(self, db: EngineDatabase, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock
        self._known: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._pending: dict[int, _Pending] = {}
        self._flushed = clock.now()

    async def note(self, record: TokenRecord, realm_id: str, user: str, address: str, what: str) -> None:
        """A use of ``record`` in a realm; raises ``Unavailable`` when one that is new cannot be audited: refuse it."""
        place, now = (record.key, address_block(address)), self._clock.now()
        if place in self._known:
            self._known.move_to_end(place)
            pending = self._pending.setdefault(record.key, _Pending())
            pending.last, pending.address = now, address
            pending.uses += 1
            return
        detail: dict[str, Json] = {"token": record.key, "user": user, "as": what}
        detail |= {"actorKey": record.actor} if record.actor is not None else {}
        row = self._audit.row("TOKEN_USE", realm=realm_id, outcome="ok", actor=user, address=address, detail=detail)

        def work(connection: Connection) -> None:
            if _add_place(connection, *place, now):
                connection.execute(row)
            _add_uses(connection, record.key, now, 1, address)

        await self._db.write(work)
        self._known[place] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    async def flush(self, *, now: bool = False) -> int:
        """Write what has waited long enough, or everything ``now``; how many tokens. At most a batch at a time."""
        if not now and self._clock.now() - self._flushed < FLUSH_EVERY:
            return 0
        self._flushed, count = self._clock.now(), 0
        while batch := [(key, each) for key, each in self._pending.items() if each.uses][:BATCH]:
            await self._write(batch)
            count += len(batch)
        self._pending = {key: each for key, each in self._pending.items() if each.uses}
        return count

    async def close(self) -> None:
        """Write what is left; what cannot be written is only a count."""
        try:
            await self.flush(now=True)
        except SojournError:
            return

    async def _write(self, batch: list[tuple[int, _Pending]]) -> None:
        rows = [(key, each.last, each.uses, each.address) for key, each in batch]

        def work(connection: Connection) -> None:
            for row in rows:
                _add_uses(connection, *row)

        await self._db.write(work)
        for (_, each), (_, _, uses, _) in zip(batch, rows, strict=True):
            each.uses -= uses


def _add_place(connection: Connection, key: int, block: str, now: int) -> bool:
    """Whether this block is new for the token, and among those that are told apart."""
    of_token = _places.c.token == key
    known = connection.execute(select(_places.c.key).where(of_token, _places.c.block == block)).first()
    count = connection.execute(select(func.count()).select_from(_places).where(of_token)).scalar_one()
    if known is not None or count >= MOST_PLACES:
        return False
    connection.execute(insert(_places).values(token=key, block=block, first_used=now))
    return True


def _add_uses(connection: Connection, key: int, last: int, uses: int, address: str) -> None:
    known = connection.execute(select(_uses.c.last_used).where(_uses.c.token == key)).scalar_one_or_none()
    if known is None:
        connection.execute(insert(_uses).values(token=key, last_used=last, uses=uses, address=address))
        return
    values = {"last_used": max(known, last), "uses": _uses.c.uses + uses, "address": address}
    connection.execute(update(_uses).where(_uses.c.token == key).values(values))
