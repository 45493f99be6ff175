"""``vfs:`` files and folders, with every version that is kept."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, Text, UniqueConstraint

from sojourn.engine.database.schema.columns import key_column, reference, table

#: ``realm`` is the realm's id, empty for ``/shared``; ``path`` begins with its name. ``live_fold`` is the path as file
#: systems see it that do not mind case: no two live ones of a realm have the same. ``version`` counts the acts on it,
#: ``digest`` is the SHA-256 of the content; a folder has neither type nor content. ``live_path`` NULL = deleted.
vfs_file = table(
    "vfs_file",
    key_column(),
    Column("realm", Text, nullable=False),
    Column("kind", Text, CheckConstraint("kind IN ('file', 'folder')", name="kind"), nullable=False),
    Column("path", Text, nullable=False),
    Column("live_path", Text),
    Column("live_fold", Text),
    Column("mime", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    UniqueConstraint("realm", "live_path"),
    UniqueConstraint("realm", "live_fold"),
)

#: What one act left. ``content`` NULL = as in the version before: the file was renamed, retyped or deleted.
vfs_version = table(
    "vfs_version",
    key_column(),
    reference("file", "vfs_file.key"),
    Column("number", BigInteger, nullable=False),
    Column("act", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("mime", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("content", LargeBinary),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    UniqueConstraint("file", "number"),
)
