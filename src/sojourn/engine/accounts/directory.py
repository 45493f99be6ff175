"""Who is in a directory: the statements that accounts, groups and grants share, each within the caller's transaction.

Names of accounts, groups and roles are unique together within a directory, and their keys are unique together
everywhere, so that a name or a key stands for exactly one of them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from sqlalchemy import Connection, insert, select, update

from sojourn.core.errors import Conflict, NotFound
from sojourn.engine.database import schema
from sojourn.model.user import MAX_EMAIL, fold

#: The directory of realms that name none.
MAIN = "main"

#: The name of the group of everyone, where an account had it first: with a number behind it.
EVERYONE = "everyone"

#: What holds grants besides accounts.
GroupKind = Literal["group", "role", "everyone"]

AssigneeKind = Literal["user", "group", "role", "everyone"]


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
    """What a name in a directory stands for: an account, group or role, as a grant or membership has it in its columns."""

    name: str
    account: int | None
    user_group: int | None
    kind: AssigneeKind = "user"

    @property
    def key(self) -> int:
        """The one key of it."""
        key = self.user_group if self.account is None else self.account
        assert key is not None
        return key


def account_key(connection: Connection, directory: str, user_id: str) -> int | None:
    """The account with that name or mail address; None when there is none."""
    table, folded = schema.account, _folded(user_id)
    column = table.c.live_email if "@" in folded else table.c.live_name
    found = select(table.c.key).where(table.c.directory == directory, column == folded)
    return connection.execute(found).scalar_one_or_none()


def group_key(connection: Connection, directory: str, name: str) -> int | None:
    """The group or role of that name; None when there is none."""
    table = schema.user_group
    found = select(table.c.key).where(table.c.directory == directory, table.c.live_name == _folded(name))
    return connection.execute(found).scalar_one_or_none()


def known_group(connection: Connection, directory: str, name: str) -> int:
    """The group or role of that name; raises :class:`GroupUnknown`."""
    key = group_key(connection, directory, name)
    if key is None:
        raise GroupUnknown(f"there is no group {name!r}")
    return key


def known_group_by_key(connection: Connection, directory: str, key: int) -> str:
    """The name of the group or role with that key; raises :class:`GroupUnknown`."""
    table = schema.user_group
    live = (table.c.key == key, table.c.directory == directory, table.c.live_name.is_not(None))
    name = connection.execute(select(table.c.name).where(*live)).scalar_one_or_none()
    if name is None:
        raise GroupUnknown
    return str(name)


def assignee(connection: Connection, directory: str, name: str) -> Assignee:
    """The account, group or role of that name; raises :class:`UserUnknown`."""
    account = account_key(connection, directory, name)
    if account is not None:
        return Assignee(name, account, None)
    table = schema.user_group
    found = select(table.c.key, table.c.kind).where(table.c.directory == directory, table.c.live_name == _folded(name))
    row = connection.execute(found).one_or_none()
    if row is None:
        raise UserUnknown(f"there is no user, group or role {name!r}")
    return Assignee(name, None, row.key, row.kind)


def assignee_by_key(connection: Connection, directory: str, key: int) -> Assignee:
    """The account, group or role with that key; raises :class:`UserUnknown`, also for one of another directory."""
    user, group = schema.account, schema.user_group
    name = connection.execute(
        select(user.c.name).where(user.c.key == key, user.c.directory == directory, user.c.state != "deleted")
    ).scalar_one_or_none()
    if name is not None:
        return Assignee(name, key, None)
    live = (group.c.key == key, group.c.directory == directory, group.c.live_name.is_not(None))
    row = connection.execute(select(group.c.name, group.c.kind).where(*live)).one_or_none()
    if row is None:
        raise UserUnknown("there is no user, group or role with this key")
    return Assignee(row.name, None, key, row.kind)


def new_key(connection: Connection, directory: str, name: str) -> int:
    """The key of a new account, group or role, whose name is taken with it. Raises :class:`NameTaken`."""
    check_free(connection, directory, name)
    return _insert_key(connection, directory, fold(name))


def free_name(connection: Connection, key: int) -> None:
    """Let the name of a deleted account, group or role go; its key stays used."""
    table = schema.assignee
    connection.execute(update(table).where(table.c.key == key).values(live_name=None))


def ensure_everyone(connection: Connection, directory: str, now: int) -> int:
    """The key of the group of everyone in ``directory``, made when there is none yet."""
    table = schema.user_group
    known = select(table.c.key).where(table.c.directory == directory, table.c.kind == EVERYONE)
    key: int | None = connection.execute(known).scalar_one_or_none()
    if key is None:
        key = _insert_key(connection, directory, EVERYONE)
        values = {"key": key, "directory": directory, "name": EVERYONE, "live_name": EVERYONE, "kind": EVERYONE}
        connection.execute(insert(table).values(**values, created=now))
    return key


def _insert_key(connection: Connection, directory: str, folded: str) -> int:
    table = schema.assignee
    added = insert(table).values(directory=directory, live_name=folded).returning(table.c.key)
    return int(connection.execute(added).scalar_one())


def check_free(connection: Connection, directory: str, name: str) -> None:
    """Raise :class:`NameTaken` when an account, group or role of the directory has ``name``, which is no mail address.

    Everyone has its name also before it is there.
    """
    if (
        fold(name) == EVERYONE
        or account_key(connection, directory, name) is not None
        or group_key(connection, directory, name) is not None
    ):
        raise NameTaken(f"the name {name!r} is taken")


def _folded(name: str) -> str:
    """The form to look for; of what nothing can be named, a form that nothing has."""
    return fold(name) if len(name) <= MAX_EMAIL and name.isprintable() else ""
