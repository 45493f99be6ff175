"""Changed session fields as rows of the change log, for realms with ``fieldAuditing``.

A row says who changed which fields, in which session and how; what they hold is not in it. It is there before the fields
change, so a change without a row is not to be had; where the change is refused afterwards, a second row says that.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from sojourn.core import json
from sojourn.core.clock import Clock
from sojourn.core.json import Json
from sojourn.data.changelog import Draft, append, next_version
from sojourn.data.databases import Databases
from sojourn.data.terms import Author
from sojourn.engine.access import Access
from sojourn.model.field import Op


class ChangedFields:
    """Writes into the log of the database ``main``; see :class:`~sojourn.engine.fields.auditing.FieldLog`."""

    def __init__(self, databases: Databases, clock: Clock) -> None:
        self._databases = databases
        self._clock = clock

    async def changing(self, access: Access, ops: Sequence[Op]) -> None:
        """Raises ``DatabaseUnavailable`` and what else keeps the row from being written."""
        await self._write(access, {"fields": _named(ops)})

    async def refused(self, access: Access, ops: Sequence[Op], code: str) -> None:
        """Raises as :meth:`changing`."""
        await self._write(access, {"fields": _named(ops), "refused": code})

    async def _write(self, access: Access, content: dict[str, Json]) -> None:
        session, now = access.session, self._clock.now()
        author = Author(
            user_key=session.identity.user_key,
            user_name=access.account.name if access.account else session.identity.user_name,
            session=session.id,
            realm=access.realm.id,
            address=session.device.address,
        )
        draft = Draft("FIELD", content=json.encode_text(content))

        def work(connection: Connection) -> None:
            append(connection, author, [draft], next_version(connection), now)

        await (await self._databases.named()).write(work)


def _named(ops: Sequence[Op]) -> dict[str, Json]:
    """What is done to each field."""
    found: dict[str, Json] = {}
    for op in ops:
        known = found.get(op.name)
        found[op.name] = f"{known}, {op.kind}" if known else op.kind
    return found
