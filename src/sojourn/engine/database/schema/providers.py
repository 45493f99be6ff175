"""Identity providers, whom they call whom, and what they have ended."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Text, UniqueConstraint

from sojourn.engine.database.schema.columns import key_column, reference, table

#: A provider of the project; one that is gone, or has another issuer now, leaves a husk. Logins of before ``not_before``
#: are refused: that is when it was disabled last, with ``ended_actor`` as who did it. ``sealed_secret`` is the client secret
#: under the master key.
identity_provider = table(
    "identity_provider",
    key_column(),
    Column("name", Text, nullable=False),
    Column("live_name", Text, unique=True),
    Column("issuer", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("not_before", BigInteger, nullable=False, server_default="0"),
    Column("ended_actor", Text, nullable=False, server_default=""),
    Column("sealed_secret", LargeBinary),
    Column("created", BigInteger, nullable=False),
)

#: Somebody at an issuer is an account of a directory here. ``linked_by`` is the name of who said so.
external_identity = table(
    "external_identity",
    key_column(),
    reference("account", "account.key"),
    Column("directory", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("linked_by", Text, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False),
    UniqueConstraint("directory", "issuer", "subject"),
)

#: A session that a provider authenticated, under the provider's own names for it: what a logout of the provider finds.
provider_session = table(
    "provider_session",
    key_column(),
    reference("provider", "identity_provider.key"),
    Column("sid", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("session", Text, nullable=False, unique=True),
    Column("keep_until", BigInteger, nullable=False, index=True),
    Index("ix_provider_session_sid", "provider", "sid"),
    Index("ix_provider_session_subject", "provider", "subject"),
)

#: A logout at a provider, of one of its sessions or (``sid`` empty) of all that a subject had before ``not_before``, an
#: instant of the provider's clock; ``at`` is ours.
provider_logout = table(
    "provider_logout",
    key_column(),
    reference("provider", "identity_provider.key"),
    Column("sid", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("keep_until", BigInteger, nullable=False, index=True),
    Index("ix_provider_logout_sid", "provider", "sid"),
    Index("ix_provider_logout_subject", "provider", "subject"),
)

#: A session that a logout at its provider has ended: refused from then on, whether the store knows it yet or not.
provider_end = table(
    "provider_end",
    key_column(),
    Column("session", Text, nullable=False, unique=True),
    Column("at", BigInteger, nullable=False),
    Column("keep_until", BigInteger, nullable=False, index=True),
)
