"""What is known of passwords beside their hash: how old they are, and which ones an account had before.

No right follows from these tables, so they raise no generation; the hash itself is a column of the account.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Text, UniqueConstraint

from sojourn.engine.database.schema.columns import key_column, reference, table

#: When the password of an account was set last. ``kept_session`` is the public id of the session that set it and goes on
#: with a new secret; empty when no session does. An account without a row has had its password since it was made.
password_mark = table(
    "password_mark",
    key_column(),
    reference("account", "account.key"),
    Column("set_at", BigInteger, nullable=False),
    Column("kept_session", Text, nullable=False, server_default=""),
    UniqueConstraint("account"),
)

#: Former passwords, the newest with the highest key; as many as the strictest realm of the directory asks for.
password_history = table(
    "password_history",
    key_column(),
    reference("account", "account.key"),
    Column("password", Text, nullable=False),
    Column("replaced_at", BigInteger, nullable=False),
)
