"""What the engine knows of the change logs in the databases of the application."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Text

from sojourn.engine.database.schema.columns import key_column, table

#: The last seal of the change log of each database, by the name that the database has in the project.
change_head = table(
    "change_head",
    key_column(),
    Column("database", Text, nullable=False, unique=True),
    Column("place", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
)
