"""What is sealed under the master key: one list, so that a change of that key leaves nothing behind.

Every column of the engine database whose name begins with ``sealed`` stands here; a test and every change of the key
hold the list and the schema together. Empty and NULL values are left as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Column, Row, Table

from sojourn.engine.database import schema

#: What names a column that is sealed.
PREFIX = "sealed"


class Sealed(NamedTuple):
    """One column of sealed values."""

    table: Table
    column: Column[bytes]
    #: What the value of a row is bound to; the first argument is the id of the installation.
    bound_to: Callable[[str, Row[*tuple[Any, ...]]], str]


def bound_signing_key(installation: str, realm_id: str, kid: str) -> str:
    """What the private part of a signing key is bound to."""
    return f"{installation}/{realm_id}/{kid}"


def bound_secret(installation: str, name: str) -> str:
    """What a secret of the engine is bound to."""
    return f"{installation}/secret/{name}"


def bound_client_secret(installation: str, key: int) -> str:
    """What the client secret for an identity provider is bound to."""
    return f"{installation}/identity-provider/{key}"


SEALED = (
    Sealed(
        schema.signing_key,
        schema.signing_key.c.sealed,
        lambda installation, row: bound_signing_key(installation, row.realm, row.kid),
    ),
    Sealed(
        schema.engine_secret,
        schema.engine_secret.c.sealed,
        lambda installation, row: bound_secret(installation, row.name),
    ),
    Sealed(
        schema.identity_provider,
        schema.identity_provider.c.sealed_secret,
        lambda installation, row: bound_client_secret(installation, row.key),
    ),
)


def unlisted() -> list[str]:
    """Columns that are sealed by their name and do not stand in :data:`SEALED`."""
    listed = {one.column for one in SEALED}
    return [
        f"{table.name}.{column.name}"
        for table in schema.metadata.sorted_tables
        for column in table.columns
        if column.name.startswith(PREFIX) and column not in listed
    ]
