"""API keys, signing keys, and secrets of the engine."""

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

#: ``public`` is the JWK as JSON text, ``sealed`` the private part under the master key, empty once it is erased. ``due``:
#: when a key that an operator wants used becomes active. ``removed``: since when the ring does without a retired key, or
#: when the last session with tokens of a revoked one had been ended. ``actor``: who revoked it.
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
    Column("due", BigInteger),
    Column("removed", BigInteger),
    Column("actor", Text, nullable=False, server_default=""),
    CheckConstraint("state IN ('next', 'active', 'retired', 'revoked')", name="state"),
)

#: Until when what a signing key has signed may be valid, written before it signs; no fact, because no right follows from it.
signing_key_use = table(
    "signing_key_use",
    key_column(),
    Column("kid", Text, nullable=False, unique=True),
    Column("until", BigInteger, nullable=False),
)

#: Random secrets of the engine, each made when it is first asked for.
engine_secret = table(
    "engine_secret",
    key_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("sealed", LargeBinary, nullable=False),
)
