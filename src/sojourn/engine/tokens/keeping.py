"""How long dead AuthTokens are kept, and the addresses from which tokens were used.

The row of a dead token stays as long as the audit log would tell of its end (``[audit] keep`` days): until then it answers
``revoked`` or ``expired``, afterwards ``unknown``, which refuses as well. Its key is never given to another token. A client
address of a use goes after ``keepAddresses`` days. Due when ``now >= limit``.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Select, delete, or_, select, update

from sojourn.config.settings import AuditSettings
from sojourn.core.clock import DAY, HOUR, Clock
from sojourn.engine.database import EngineDatabase, schema

_tokens, _scripts = schema.auth_token, schema.auth_token_script
_uses, _places = schema.auth_token_use, schema.auth_token_place

#: Rows of each table that one transaction deletes or changes, and transactions of one round.
BATCH = 500
MOST_BATCHES = 20

#: How often the upkeep looks, in milliseconds: what is due by days need not be looked for more often.
EVERY: Final = HOUR


class TokenKeeping:
    """Deletes what is left of tokens that have been dead for long."""

    def __init__(self, *, db: EngineDatabase, settings: AuditSettings, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._next = 0
        #: Tokens that this process deleted, and addresses of uses that it erased, since the start.
        self.deleted = 0
        self.erased = 0

    async def tend(self) -> None:
        """A round each :data:`EVERY`, the next one at once while more is due."""
        now = self._clock.now()
        if now >= self._next and not await self.round():
            self._next = now + EVERY

    async def round(self) -> bool:
        """Do what is due, within bounds; whether more is due. Two rounds at once do no harm."""
        now = self._clock.now()
        dead = now - self._settings.keep * DAY
        shown = now - self._settings.keep_addresses * DAY
        for _ in range(MOST_BATCHES):
            erased = await self._db.write(lambda connection: _forget_addresses(connection, shown))
            deleted = await self._db.write(lambda connection: _delete_dead(connection, dead))
            self.erased += erased
            self.deleted += deleted
            if not erased and not deleted:
                return False
        return True


def _forget_addresses(connection: Connection, limit: int) -> int:
    """Take out the addresses of uses up to ``limit``; how many."""
    old = select(_uses.c.key).where(_uses.c.address != "", _uses.c.last_used <= limit).limit(BATCH)
    hidden = connection.execute(update(_uses).where(_uses.c.key.in_(_keys(connection, old))).values(address=""))
    # From then on a use from there is a new one, and audited.
    places = select(_places.c.key).where(_places.c.first_used <= limit).limit(BATCH)
    gone = connection.execute(delete(_places).where(_places.c.key.in_(_keys(connection, places))))
    return hidden.rowcount + gone.rowcount


def _delete_dead(connection: Connection, limit: int) -> int:
    """Delete tokens that were dead at ``limit``, children before their parents; how many."""
    child = _tokens.alias()
    childless = ~select(child.c.key).where(child.c.parent == _tokens.c.key).exists()
    dead = or_(_tokens.c.revoked <= limit, _tokens.c.expires <= limit)
    keys = _keys(connection, select(_tokens.c.key).where(dead, childless).order_by(_tokens.c.key).limit(BATCH))
    if keys:
        for of_token in (_scripts.c.token, _uses.c.token, _places.c.token):
            connection.execute(delete(of_token.table).where(of_token.in_(keys)))
        connection.execute(delete(_tokens).where(_tokens.c.key.in_(keys)))
    return len(keys)


def _keys(connection: Connection, wanted: Select[Any]) -> list[int]:
    return list(connection.execute(wanted).scalars())
