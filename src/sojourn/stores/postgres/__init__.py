"""``postgresql://``: sessions in a PostgreSQL database, shared by any number of machines."""

from sojourn.stores.postgres.schema import Migrated, migrate
from sojourn.stores.postgres.store import PostgresStore

__all__ = ["Migrated", "PostgresStore", "migrate"]
