"""How old passwords are, and which ones an account had before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the tables; the password of an account is as old as the last change of it."""
    op.create_table(
        "password_mark",
        sa.Column("key", _Key, primary_key=True, autoincrement=True),
        sa.Column("account", _Key, sa.ForeignKey("account.key"), nullable=False),
        sa.Column("set_at", sa.BigInteger, nullable=False),
        sa.Column("kept_session", sa.Text, nullable=False, server_default=""),
        sa.UniqueConstraint("account"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_password_mark_account", "password_mark", ["account"])
    op.create_table(
        "password_history",
        sa.Column("key", _Key, primary_key=True, autoincrement=True),
        sa.Column("account", _Key, sa.ForeignKey("account.key"), nullable=False),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("replaced_at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_password_history_account", "password_history", ["account"])
    account = sa.table("account", sa.column("key"), sa.column("changed"), sa.column("password"))
    mark = sa.table("password_mark", sa.column("account"), sa.column("set_at"))
    known = sa.select(account.c.key, account.c.changed).where(account.c.password.is_not(None))
    op.execute(sa.insert(mark).from_select(["account", "set_at"], known))
