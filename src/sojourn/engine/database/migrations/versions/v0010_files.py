"""Files and folders of ``vfs:``, their versions, and the view by which scripts know them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from sojourn.engine.database.triggers import raise_generation_with

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_FILES = """\
SELECT entry.key AS "iKey", entry.live_path AS "iUrl", entry.mime AS "iMimeType", entry.kind AS "iKind",
    place.name AS "iRealm", entry.version AS "iVersion", entry.size AS "iSize", entry.changed AS "iChanged"
FROM vfs_file AS entry LEFT JOIN realm AS place ON place.id = entry.realm
WHERE entry.live_path IS NOT NULL AND (entry.realm = '' OR place.live_name IS NOT NULL)"""


def upgrade() -> None:
    """Add tables and a view; what is there stays."""
    _table(
        "vfs_file",
        _text("realm"),
        sa.Column("kind", sa.Text, sa.CheckConstraint("kind IN ('file', 'folder')", name="kind"), nullable=False),
        _text("path"),
        sa.Column("live_path", sa.Text),
        sa.Column("live_fold", sa.Text),
        _text("mime"),
        _number("version"),
        _bytes("digest"),
        _number("size"),
        _number("created"),
        _number("changed"),
        sa.UniqueConstraint("realm", "live_path"),
        sa.UniqueConstraint("realm", "live_fold"),
    )
    _table(
        "vfs_version",
        sa.Column("file", _Key, sa.ForeignKey("vfs_file.key"), nullable=False, index=True),
        _number("number"),
        _text("act"),
        _text("path"),
        _text("mime"),
        _bytes("digest"),
        _number("size"),
        _bytes("content", nullable=True),
        _number("at"),
        _text("actor"),
        sa.UniqueConstraint("file", "number"),
    )
    raise_generation_with(op.get_bind(), ("vfs_file",))
    op.execute(f'CREATE VIEW "iVfs" AS {_FILES}')


def _table(name: str, *parts: Any) -> None:
    key = sa.Column("key", _Key, primary_key=True, autoincrement=True)
    op.create_table(name, key, *parts, sqlite_autoincrement=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _bytes(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable)
