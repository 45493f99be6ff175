"""The change log and the number of the last version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "sojourn_version",
        sa.Column("one", sa.Integer, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("one", name="pk_sojourn_version"),
    )
    op.create_table(
        "sojourn_change",
        sa.Column("number", _Number, autoincrement=True, nullable=False),
        _number("version"),
        *map(_text, ("kind", "table_name", "record")),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        _text("content"),
        _number("user_key"),
        *map(_text, ("user_name", "session", "realm", "address", "execution_key")),
        _number("at"),
        sa.Column("tag", sa.Text),
        sa.Column("fresh", sa.Boolean),
        sa.Column("undoes", sa.BigInteger),
        sa.Column("salt", sa.LargeBinary),
        sa.Column("commitment", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_sojourn_change"),
        sqlite_autoincrement=True,
    )
    _indexes()


def _indexes() -> None:
    change, tagged = "sojourn_change", sa.text("tag IS NOT NULL")
    op.create_index("ix_sojourn_change_record", change, ["table_name", "record", "number"])
    op.create_index("ix_sojourn_change_tag", change, ["tag", "number"], sqlite_where=tagged, postgresql_where=tagged)
    op.create_index("ix_sojourn_change_session", change, ["session", "number"])
    op.create_index("ix_sojourn_change_user", change, ["user_key", "number"])
    op.create_index("ix_sojourn_change_version", change, ["version"])
    op.create_index("ix_sojourn_change_at", change, ["at"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
