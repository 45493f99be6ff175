"""API keys and signing keys."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, LargeBinary, Text, UniqueConstraint

from sojourn.engine.database.schema.columns import key_column, reference, table

api_key = table(
    "api_key",
    key_column(),
    reference("realm", "realm.id"),
    Column("name", Text, nullable=False),
    Column("live_name", Text),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
    Column("revoked", BigInteger),
    UniqueConstraint("realm", "live_name"),
)

#: The pipelines that an API key opens; a key without rows opens all of its realm.
api_key_pipeline = table(
    "api_key_pipeline",
    key_column(),
    reference("api_key", "api_key.key"),
    Column("pipeline", Text, nullable=False),
    UniqueConstraint("api_key", "pipeline"),
)

#: ``public`` is the JWK as JSON text, ``sealed`` the private part under the master key.
signing_key = table(
    "signing_key",
    key_column(),
    reference("realm", "realm.id"),
    Column("kid", Text, nullable=False, unique=True),
    Column("algorithm", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("public", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("activated", BigInteger),
    Column("retired", BigInteger),
    CheckConstraint("state IN ('next', 'active', 'retired', 'revoked')", name="state"),
)
