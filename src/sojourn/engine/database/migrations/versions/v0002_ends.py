"""Leases, drops with notice, the mark of the session store, and more about each end."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns and tables; what is there stays."""
    for table, names in (
        ("installation", ("ended_reason", "ended_actor", "ended_rule")),
        ("realm", ("ended_reason", "ended_actor", "ended_rule")),
        ("account", ("ended_actor", "ended_rule")),
        ("end_journal", ("actor", "rule")),
    ):
        for name in names:
            op.add_column(table, _text(name, server_default=""))
    op.add_column("installation", _number("not_before", server_default="0"))
    # NULL for the ends of before: the next start does them to the store once more.
    op.add_column("end_journal", sa.Column("confirmed", sa.BigInteger))
    op.create_index("ix_end_journal_confirmed", "end_journal", ["confirmed"])
    _make_tables()


def _table(name: str, *parts: Any) -> None:
    key = sa.Column("key", _Key, primary_key=True, autoincrement=True)
    op.create_table(name, key, *parts, sqlite_autoincrement=True)


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _number(name: str, **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, **options)


def _make_tables() -> None:
    _table(
        "store_mark",
        _number("number"),
        _number("era"),
        _text("installation"),
        _number("counter"),
        _text("run"),
        _number("noted_at"),
    )
    _table("lease", _text("name", unique=True), _text("holder"), _number("until"))
    _table(
        "drop_request",
        _text("session", unique=True),
        _text("realm", index=True),
        _number("requester_key"),
        _text("requester"),
        _text("reason"),
        _number("requested_at"),
        _number("drops_at", index=True),
    )
