"""What a statement of ``executeDDL`` tries in order to leave its schema or to act by itself later."""

from __future__ import annotations

import pytest

from sojourn.core.errors import SojournError
from sojourn.data.port import Backend, Bounds, Statement
from tests.data.escape.test_escape_reading import witness

pytestmark = pytest.mark.anyio

EVERYWHERE = (
    "CREATE TABLE a (b INTEGER); DROP TABLE product",
    "DROP TABLE sojourn_change",
    'DROP TABLE "sojourn_change"',
    "ALTER TABLE sojourn_change ADD COLUMN mine INTEGER",
    "CREATE INDEX mine ON sojourn_change (salt)",
    "CREATE VIEW mine AS SELECT * FROM sojourn_change",
    "CREATE TABLE sojourn_mine (a INTEGER)",
    "CREATE VIEW iLog AS SELECT 1 AS a",
    "DROP VIEW iGroupUser",
    "CREATE TRIGGER t AFTER INSERT ON product BEGIN DELETE FROM country; END",
    "CREATE TABLE copy AS SELECT * FROM product",
    "CREATE TABLE child (a BIGINT PRIMARY KEY, b VARCHAR(2) REFERENCES country (code) ON DELETE CASCADE)",
    "CREATE TABLE child (a BIGINT PRIMARY KEY, b VARCHAR(2) REFERENCES country (code) ON UPDATE SET NULL)",
    "CREATE TEMP TABLE mine (a INTEGER)",
    "INSERT INTO country VALUES ('pt', 'Portugal')",
    "DELETE FROM country",
    "VACUUM",
    "COMMIT",
    "",
    ";",
)

ON_SQLITE = (
    "CREATE VIRTUAL TABLE v USING fts5(a)",
    "PRAGMA writable_schema = ON",
    "ATTACH 'x.db' AS x",
    "CREATE TABLE temp.mine (a INTEGER)",
)

ON_POSTGRESQL = (
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TABLE a (b INT DEFAULT pg_backend_pid())",
    "CREATE TABLE a (b BIGINT DEFAULT lo_creat(-1))",
    "CREATE TABLE a (b TEXT DEFAULT set_config('role', 'tests', false))",
    "CREATE TABLE a (b TEXT DEFAULT current_setting('data_directory'))",
    "CREATE TABLE a (b XML CHECK (query_to_xml('DELETE FROM country', true, true, '') IS NOT NULL))",
    "CREATE TABLE a (b BIGINT DEFAULT (5::bigint).pg_advisory_lock)",
    "CREATE INDEX i ON product (lo_creat(stock))",
    "CREATE VIEW v AS SELECT pg_read_file('/etc/passwd')",
    "CREATE VIEW v AS SELECT * FROM pg_shadow",
    "CREATE VIEW v AS SELECT * FROM sojourn_engine.account",
    "CREATE TABLE sojourn_data.mine (a INT)",
    "CREATE TABLE sojourn_engine.mine (a INT)",
    "CREATE TABLE pg_catalog.mine (a INT)",
    "CREATE TABLE information_schema.mine (a INT)",
    "ALTER TABLE product OWNER TO tests",
    "ALTER TABLE product SET SCHEMA public",
    "ALTER TABLE product ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE product FORCE ROW LEVEL SECURITY",
    "ALTER TABLE product DISABLE TRIGGER ALL",
    "ALTER TABLE product SET UNLOGGED",
    "CREATE TABLE a (b INT) TABLESPACE pg_global",
    "CREATE RULE r AS ON INSERT TO product DO ALSO DELETE FROM country",
    "CREATE POLICY p ON product USING (false)",
    "CREATE MATERIALIZED VIEW m AS SELECT 1",
    "CREATE UNLOGGED TABLE a (b INT)",
    "CREATE EXTENSION dblink",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "ALTER ROLE tests PASSWORD 'x'",
    "ALTER SYSTEM SET fsync = off",
    "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
    "GRANT ALL ON product TO PUBLIC",
    "SET ROLE tests",
    "RESET ROLE",
    "DO $$ BEGIN EXECUTE 'RESET ROLE'; END $$",
    "COMMENT ON DATABASE postgres IS 'x'",
    "COMMENT ON ROLE tests IS 'x'",
    "DROP SCHEMA sojourn_data CASCADE",
    "TRUNCATE product",
)


async def test_no_definition_leaves_its_schema_or_acts_by_itself(backend: Backend) -> None:
    before = await witness(backend)
    tables = await backend.tables()
    through = []
    for sql in (*EVERYWHERE, *(ON_SQLITE if backend.dialect == "sqlite" else ON_POSTGRESQL)):
        try:
            await backend.define(sql, lambda _connection: None)
        except SojournError:
            continue
        through.append(sql)
    assert through == []
    assert await witness(backend) == before
    assert await backend.tables() == tables


async def test_what_an_author_may_define_stays_possible(backend: Backend) -> None:
    made = [
        "CREATE TABLE part (id BIGINT PRIMARY KEY, product BIGINT REFERENCES product (\"iKey\"), name TEXT DEFAULT 'x')",
        "CREATE UNIQUE INDEX part_name ON part (name)",
        "ALTER TABLE part ADD COLUMN weight INTEGER DEFAULT 0",
        "CREATE VIEW heavy AS SELECT name FROM part WHERE weight > 10",
        "DROP VIEW heavy",
        "ALTER TABLE part RENAME COLUMN weight TO grams",
    ]
    on_postgresql = [
        """CREATE TABLE event (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at TIMESTAMPTZ DEFAULT now(),
           token UUID DEFAULT gen_random_uuid(), owner TEXT)""",
        "COMMENT ON TABLE event IS 'what happened'",
    ]
    for sql in made if backend.dialect == "sqlite" else [*made, *on_postgresql]:
        await backend.define(sql, lambda _connection: None)
    assert "grams" in (await backend.tables())["part"].columns
    assert (await backend.query([Statement("SELECT grams FROM part")], Bounds()))[0].rows == []
