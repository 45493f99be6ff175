"""The migrations against the schema, on PostgreSQL."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection, Engine, create_engine, text

from sojourn.engine.database import schema
from sojourn.engine.database.migrate import HEAD, migrate, stored_revision
from tests.servers.postgres import PostgresServer

#: What the catalogue knows of the tables of the present schema, but for the order of columns.
SHAPE = (
    """SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = current_schema()::regnamespace""",
    """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
    """SELECT tgrelid::regclass, tgname, pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT tgisinternal AND c.relnamespace = current_schema()::regnamespace""",
    "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace",
)


@pytest.fixture
def server(postgres_server: PostgresServer) -> Iterator[Engine]:
    """An empty database."""
    url = postgres_server.new_database()
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    yield engine
    engine.dispose()
    postgres_server.drop_database(url)


def shape(engine: Engine, make: Callable[[Connection], object]) -> set[str]:
    """What ``make`` makes of an empty schema."""
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA made"))
        connection.execute(text("SET LOCAL search_path = made, pg_temp"))
        make(connection)
        rows = {str(row) for query in SHAPE for row in connection.execute(text(query))}
        connection.rollback()
    return {row for row in rows if "alembic_version" not in row}


def test_all_migrations_make_the_very_schema_on_postgresql(server: Engine) -> None:
    declared = shape(server, schema.metadata.create_all)
    assert len(declared) > len(schema.metadata.tables) + 2 * len(schema.FACTS)
    assert shape(server, migrate) == declared


def test_the_last_migration_is_the_head_and_runs_once(server: Engine) -> None:
    with server.begin() as connection:
        migrate(connection)
    with server.begin() as connection:
        assert stored_revision(connection) == HEAD
        migrate(connection)
