"""One number sequence for accounts, groups and roles; everyone; account types; signatures; shipped grants; views.

Accounts keep their keys. A group whose key an account has too gets a new one, and its memberships and grants follow.
No account is signed here: that takes the master key, see ``sojourn.engine.accounts.adoption``.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_USERS = """\
SELECT -1 AS "iKey", 'anonymous' AS "iName", '' AS "iEmail", 'user' AS "iKind", '' AS "iDirectory",
    -1898143909 AS "iState", 'standard' AS "iAccountType"
UNION ALL
SELECT key, name, email, 'user', directory,
    CASE state WHEN 'active' THEN -1898143909 WHEN 'locked' THEN -1898143908
        WHEN 'disabled' THEN -1898141728 ELSE -1898143907 END, account_type
FROM account WHERE state <> 'deleted'
UNION ALL
SELECT key, name, '', kind, directory, NULL, NULL FROM user_group WHERE live_name IS NOT NULL"""

_MEMBERS = """\
SELECT member.user_group AS "iGroup", COALESCE(member.account, member.member_group) AS "iMember",
    member.position AS "iOrder"
FROM membership AS member JOIN user_group AS target ON target.key = member.user_group
WHERE target.live_name IS NOT NULL"""

_SCOPES = """\
SELECT COALESCE(given.account, given.user_group) AS "iAssignee", given.scope AS "iScope",
    COALESCE(place.name, given.realm) AS "iRealm", given.product AS "iProduct"
FROM scope_grant AS given LEFT JOIN realm AS place ON place.id = given.realm"""

_VIEWS = {"iGroupUser": _USERS, "iGroupUserMember": _MEMBERS, "iGroupUserScope": _SCOPES}

_account = sa.table("account", sa.column("key"), sa.column("directory"), sa.column("live_name"))
_group = sa.table(
    "user_group",
    sa.column("key"),
    sa.column("directory"),
    sa.column("name"),
    sa.column("live_name"),
    sa.column("created"),
    sa.column("kind"),
)
_member = sa.table("membership", sa.column("user_group"), sa.column("member_group"))
_grant = sa.table("scope_grant", sa.column("user_group"))
_assignee = sa.table("assignee", sa.column("key"), sa.column("directory"), sa.column("live_name"))


def upgrade() -> None:
    """Add columns, the sequence and the views; what is there stays."""
    op.create_table(
        "assignee",
        sa.Column("key", _Key, primary_key=True, autoincrement=True),
        sa.Column("directory", sa.Text, nullable=False),
        sa.Column("live_name", sa.Text),
        sa.UniqueConstraint("directory", "live_name"),
        sqlite_autoincrement=True,
    )
    _add_columns()
    connection = op.get_bind()
    _number_all(connection)
    for directory in connection.execute(sa.select(_assignee.c.directory).distinct()).scalars().all():
        _add_everyone(connection, directory)
    for name, wanted in _VIEWS.items():
        op.execute(f'CREATE VIEW "{name}" AS {wanted}')


def _add_columns() -> None:
    types = sa.CheckConstraint("account_type IN ('standard', 'support')", name="account_type")
    kinds = sa.CheckConstraint("kind IN ('group', 'role', 'everyone')", name="kind")
    for table, column in (
        ("account", sa.Column("account_type", sa.Text, types, nullable=False, server_default="standard")),
        ("account", sa.Column("signature", sa.LargeBinary)),
        ("user_group", sa.Column("kind", sa.Text, kinds, nullable=False, server_default="group")),
        ("scope_grant", sa.Column("product", sa.Text, nullable=False, server_default="")),
    ):
        op.add_column(table, column)
    op.create_index("ix_user_group_directory_kind", "user_group", ["directory", "kind"])


def _number_all(connection: sa.Connection) -> None:
    accounts = connection.execute(sa.select(_account.c.key, _account.c.directory, _account.c.live_name)).all()
    groups = connection.execute(sa.select(*_group.c).order_by(_group.c.key)).all()
    used = {row.key for row in accounts}
    following = max(used | {row.key for row in groups}, default=0) + 1
    rows = [{"key": row.key, "directory": row.directory, "live_name": row.live_name} for row in accounts]
    for group in groups:
        key = group.key
        if key in used:
            key, following = following, following + 1
            _renumber(connection, group, key)
        rows.append({"key": key, "directory": group.directory, "live_name": group.live_name})
    if not rows:
        return
    connection.execute(sa.insert(_assignee), rows)
    if connection.dialect.name == "postgresql":
        last = sa.select(sa.func.max(_assignee.c.key)).scalar_subquery()
        connection.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence("assignee", "key"), last)))


def _renumber(connection: sa.Connection, group: sa.Row[*tuple[object, ...]], key: int) -> None:
    """A new row, what names the old one, then the old one goes: no reference hangs in the air at any moment."""
    columns = group._asdict()
    connection.execute(sa.insert(_group).values(**{**columns, "key": key, "live_name": None}))
    for table, column in ((_member, "user_group"), (_member, "member_group"), (_grant, "user_group")):
        connection.execute(sa.update(table).where(table.c[column] == group.key).values({column: key}))
    connection.execute(sa.delete(_group).where(_group.c.key == group.key))
    connection.execute(sa.update(_group).where(_group.c.key == key).values(live_name=columns["live_name"]))


def _add_everyone(connection: sa.Connection, directory: str) -> None:
    taken = set(
        connection.execute(sa.select(_assignee.c.live_name).where(_assignee.c.directory == directory)).scalars()
    )
    names = ["everyone", *(f"everyone-{number}" for number in range(2, len(taken) + 3))]
    name = next(name for name in names if name not in taken)
    key = connection.execute(
        sa.insert(_assignee).values(directory=directory, live_name=name).returning(_assignee.c.key)
    ).scalar_one()
    row = {"key": key, "directory": directory, "name": name, "live_name": name, "created": 0, "kind": "everyone"}
    connection.execute(sa.insert(_group).values(**row))
