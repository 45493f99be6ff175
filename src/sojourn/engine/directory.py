"""Who is in a directory: the statements that accounts, groups and grants share, each within the caller's transaction.

Account and group names are unique together within a directory, so that a grant names exactly one of them.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from sojourn.core.errors import Conflict, NotFound
from sojourn.engine.database import schema
from sojourn.model.user import MAX_EMAIL, fold

#: The directory of realms that name none.
MAIN = "main"


class NameTaken(Conflict):
    """This name or mail address is taken."""

    code = "user.name_taken"


class UserUnknown(NotFound):
    """There is no such user."""

    code = "user.unknown"


class GroupUnknown(NotFound):
    """There is no such group."""

    code = "group.unknown"


class Assignee(NamedTuple):
    """What a name in a directory stands for: an account or a group, as the columns of a grant or membership say it."""

    name: str
    account: int | None
    user_group: int | None


def account_key(connection: Connection, directory: str, user_id: str) -> int | None:
    """The account with that name or mail address; None when there is none."""
    table, folded = schema.account, _folded(user_id)
    column = table.c.live_email if "@" in folded else table.c.live_name
    found = select(table.c.key).where(table.c.directory == directory, column == folded)
    return connection.execute(found).scalar_one_or_none()


def group_key(connection: Connection, directory: str, name: str) -> int | None:
    """The group of that name; None when there is none."""
    table = schema.user_group
    found = select(table.c.key).where(table.c.directory == directory, table.c.live_name == _folded(name))
    return connection.execute(found).scalar_one_or_none()


def known_group(connection: Connection, directory: str, name: str) -> int:
    """The group of that name; raises :class:`GroupUnknown`."""
    key = group_key(connection, directory, name)
    if key is None:
        raise GroupUnknown(f"there is no group {name!r}")
    return key


def assignee(connection: Connection, directory: str, name: str) -> Assignee:
    """The account or group of that name; raises :class:`UserUnknown`."""
    account = account_key(connection, directory, name)
    if account is not None:
        return Assignee(name, account, None)
    group = group_key(connection, directory, name)
    if group is None:
        raise UserUnknown(f"there is no user or group {name!r}")
    return Assignee(name, None, group)


def check_free(connection: Connection, directory: str, name: str) -> None:
    """Raise :class:`NameTaken` when an account or a group of the directory has ``name``, which is no mail address."""
    if account_key(connection, directory, name) is not None or group_key(connection, directory, name) is not None:
        raise NameTaken(f"the name {name!r} is taken")


def _folded(name: str) -> str:
    """The form to look for; of what nothing can be named, a form that nothing has."""
    return fold(name) if len(name) <= MAX_EMAIL and name.isprintable() else ""
