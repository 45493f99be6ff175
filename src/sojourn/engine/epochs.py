"""The fences: ``authEpoch`` of one account, one realm, the engine. To raise one is to end all sessions made before.

Each function is one UPDATE within the caller's transaction, see ``EngineDatabase.write``.
"""

from __future__ import annotations

from sqlalchemy import Connection, Update, update

from sojourn.core.errors import NotFound
from sojourn.engine.database.schema import account, installation, realm
from sojourn.model.session import EndReason


def raise_account_epoch(connection: Connection, key: int, reason: EndReason) -> int:
    """End all of an account, for ``reason``; the new number. Raises ``NotFound``."""
    values = {"auth_epoch": account.c.auth_epoch + 1, "ended_reason": reason}
    raised = update(account).where(account.c.key == key).values(values)
    return _raise(connection, raised.returning(account.c.auth_epoch))


def raise_realm_epoch(connection: Connection, realm_id: str) -> int:
    """End all of a realm; the new number. Raises ``NotFound``."""
    raised = update(realm).where(realm.c.id == realm_id).values(auth_epoch=realm.c.auth_epoch + 1)
    return _raise(connection, raised.returning(realm.c.auth_epoch))


def raise_engine_epoch(connection: Connection) -> int:
    """End everything of this engine; the new number."""
    raised = update(installation).values(auth_epoch=installation.c.auth_epoch + 1)
    return _raise(connection, raised.returning(installation.c.auth_epoch))


def _raise(connection: Connection, statement: Update) -> int:
    numbers = connection.execute(statement).scalars().all()
    if len(numbers) != 1:
        raise NotFound("there is no such account or realm")
    return int(numbers[0])
