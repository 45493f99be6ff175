"""The engine itself and its realms."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Text

from sojourn.engine.database.schema.columns import key_column, last_raise, table

#: One row: who this engine is, and the ``authEpoch`` of the whole engine. Sessions made before ``not_before`` are refused.
#: ``master`` names the master key under which everything is sealed, empty before the first start that looked.
installation = table(
    "installation",
    key_column(),
    Column("id", Text, nullable=False, unique=True),
    Column("auth_epoch", BigInteger, nullable=False, server_default="0"),
    *last_raise(),
    Column("not_before", BigInteger, nullable=False, server_default="0"),
    Column("master", Text, nullable=False, server_default=""),
)

#: One row: how often the facts changed.
generation = table("generation", key_column(), Column("number", BigInteger, nullable=False))

realm = table(
    "realm",
    key_column(),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("live_name", Text, unique=True),
    Column("auth_epoch", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False),
    Column("removed", BigInteger),
    *last_raise(),
)
