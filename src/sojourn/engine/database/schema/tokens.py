"""AuthTokens: what was handed on, the scripts that may use it, and where it was used."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Text, UniqueConstraint

from sojourn.engine.database.schema.columns import key_column, reference, table

#: ``digest`` is the SHA-256 of the text, ``scope`` its words, ``realm`` a realm's id or ``*``. A token that another one
#: asked for has it as ``parent`` and dies with it; ``session`` is the public id of the session that asked, ``actor`` the
#: account that impersonates ``account``. ``expires`` NULL = until it is revoked.
auth_token = table(
    "auth_token",
    key_column(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    reference("account", "account.key"),
    Column("realm", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("description", Text, nullable=False),
    reference("parent", "auth_token.key", nullable=True),
    Column("session", Text, nullable=False),
    reference("actor", "account.key", nullable=True),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
    Column("revoked_reason", Text, nullable=False, server_default=""),
)

#: A script that may use a token, and the SHA-256 of its file as it was when the token's owner last said so.
auth_token_script = table(
    "auth_token_script",
    key_column(),
    reference("token", "auth_token.key"),
    Column("uri", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    UniqueConstraint("token", "uri"),
)

#: When a token was used. No fact: it changes all the time, and no right follows from it.
auth_token_use = table(
    "auth_token_use",
    key_column(),
    Column("token", BigInteger, nullable=False, unique=True),
    Column("last_used", BigInteger, nullable=False),
    Column("uses", BigInteger, nullable=False),
    Column("address", Text, nullable=False),
)

#: The address blocks that a token was used from.
auth_token_place = table(
    "auth_token_place",
    key_column(),
    Column("token", BigInteger, nullable=False),
    Column("block", Text, nullable=False),
    Column("first_used", BigInteger, nullable=False),
    UniqueConstraint("token", "block"),
)
