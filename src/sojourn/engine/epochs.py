"""The fences: ``authEpoch`` of one realm, of the engine. To raise one is to end all sessions made before.

That of an account is part of its signed record: :meth:`sojourn.engine.accounts.records.Accounts.end`.

Each function is one UPDATE within the caller's transaction, see ``EngineDatabase.write``. The reason, and by whom and
under which rule, stays beside the number: whoever meets a session of before tells these.
"""

from __future__ import annotations

from sqlalchemy import Connection, Table, Update, update

from sojourn.core.errors import NotFound
from sojourn.engine.database.schema import installation, realm
from sojourn.model.session import EndReason


def raise_realm_epoch(
    connection: Connection, realm_id: str, reason: EndReason = "ended-everywhere", *, actor: str = "", rule: str = ""
) -> int:
    """End all of a realm; the new number. Raises ``NotFound``."""
    return _raise(connection, realm, _higher(realm, reason, actor, rule).where(realm.c.id == realm_id))


def raise_engine_epoch(
    connection: Connection, reason: EndReason = "ended-everywhere", *, actor: str = "", rule: str = ""
) -> int:
    """End everything of this engine; the new number."""
    return _raise(connection, installation, _higher(installation, reason, actor, rule))


def _higher(table: Table, reason: EndReason, actor: str, rule: str) -> Update:
    told = {"ended_reason": reason, "ended_actor": actor, "ended_rule": rule}
    return update(table).values(auth_epoch=table.c.auth_epoch + 1, **told)


def _raise(connection: Connection, table: Table, raised: Update) -> int:
    numbers = connection.execute(raised.returning(table.c.auth_epoch)).scalars().all()
    if len(numbers) != 1:
        raise NotFound("there is no such account or realm")
    return int(numbers[0])
