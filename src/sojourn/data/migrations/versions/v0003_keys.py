"""Keys, products, documents of object stores."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add tables."""
    op.create_table(
        "sojourn_key_counter",
        sa.Column("name", sa.Text, nullable=False),
        _number("next"),
        sa.PrimaryKeyConstraint("name", name="pk_sojourn_key_counter"),
    )
    op.create_table(
        "sojourn_product",
        sa.Column("key", sa.BigInteger, autoincrement=False, nullable=False),
        _text("name"),
        _number("high"),
        _number("next"),
        _text("password"),
        sa.Column("developed", sa.Boolean, nullable=False),
        _text("version"),
        sa.PrimaryKeyConstraint("key", name="pk_sojourn_product"),
        sa.UniqueConstraint("name", name="uq_sojourn_product_name"),
    )
    op.create_table(
        "sojourn_product_key",
        sa.Column("key", sa.BigInteger, autoincrement=False, nullable=False),
        _number("product"),
        sa.PrimaryKeyConstraint("key", name="pk_sojourn_product_key"),
    )
    op.create_index("ix_sojourn_product_key_product", "sojourn_product_key", ["product"])
    _documents()


def _documents() -> None:
    op.create_table(
        "sojourn_document_store",
        sa.Column("number", _Number, autoincrement=True, nullable=False),
        _text("realm"),
        _text("name"),
        sa.Column("exclusive", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_sojourn_document_store"),
        sa.UniqueConstraint("realm", "name", name="uq_sojourn_document_store_realm_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sojourn_document",
        sa.Column("number", _Number, autoincrement=True, nullable=False),
        _number("store"),
        _text("id"),
        sa.Column("exclusive_id", sa.Text),
        _text("execution"),
        sa.Column("expires", sa.BigInteger),
        _text("content"),
        sa.PrimaryKeyConstraint("number", name="pk_sojourn_document"),
        sa.UniqueConstraint(
            "store", "exclusive_id", "execution", name="uq_sojourn_document_store_exclusive_id_execution"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sojourn_document_store_id", "sojourn_document", ["store", "id"])
    op.create_index("ix_sojourn_document_expires", "sojourn_document", ["expires"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
