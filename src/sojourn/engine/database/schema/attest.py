"""Realms that stand for ten minutes while an installation attests itself."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Text

from sojourn.engine.database.schema.columns import key_column, reference, table

#: One row for each realm of a run. ``secret`` is the hexadecimal SHA-256 of the header without which it does not exist.
attest_realm = table(
    "attest_realm",
    key_column(),
    Column("run", Text, nullable=False, index=True),
    Column("name", Text, nullable=False, unique=True),
    reference("realm", "realm.id"),
    Column("secret", Text, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
)
