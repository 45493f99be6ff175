"""What the SQL of an author tries in order to leave its read transaction, and that nothing of it happens."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import text

from sojourn.bootstrap import Engine
from sojourn.core.errors import SojournError
from sojourn.data.database import Database
from sojourn.data.port import Backend, Bounds, Statement
from sojourn.data.terms import TableChanges
from tests.data.conftest import product

pytestmark = pytest.mark.anyio

#: On both databases: writing, several statements, tables of the system, commands that are no query.
EVERYWHERE = (
    "DELETE FROM product",
    "SELECT 1; DELETE FROM product",
    "SELECT 1;; DELETE FROM product",
    "WITH gone AS (DELETE FROM product RETURNING *) SELECT * FROM gone",
    "WITH x AS (SELECT 1) DELETE FROM product",
    "WITH x AS (SELECT 1) INSERT INTO country SELECT 'pt', 'Portugal'",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "SAVEPOINT a",
    "EXPLAIN DELETE FROM product",
    "SELECT * FROM sojourn_change",
    "SELECT before FROM sojourn_change",
    'SELECT * FROM "sojourn_change"',
    'SELECT * FROM "SOJOURN_CHANGE"',
    "SELECT * FROM SoJoUrN_ChAnGe",
    "SELECT salt FROM sojourn_change",
    "SELECT * FROM sojourn_version",
    "SELECT (SELECT number FROM sojourn_version) FROM product",
    "SELECT * FROM product WHERE EXISTS (SELECT 1 FROM sojourn_change)",
    "WITH a AS (SELECT * FROM sojourn_change) SELECT * FROM a",
    "CREATE TABLE mine (a INTEGER)",
    "DROP TABLE product",
    "VACUUM",
    "SELECT 1 /* ; */; DELETE FROM product",
    "SELECT '\\'; DELETE FROM product; --'",
    "SELECT 1 --\n; DELETE FROM product",
)

ON_SQLITE = (
    "ATTACH 'other.db' AS other",
    "ATTACH DATABASE ':memory:' AS other",
    "DETACH sojourn_engine",
    "VACUUM INTO 'copy.db'",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA user_version",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_table_info('account')",
    "SELECT load_extension('x.so')",
    "SELECT readfile('/etc/passwd')",
    "SELECT writefile('x', 'y')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT edit('x')",
    "SELECT sql FROM sqlite_master",
    "SELECT sql FROM sqlite_schema",
    "SELECT * FROM sqlite_sequence",
    "SELECT * FROM sqlite_dbpage",
    "SELECT * FROM dbstat",
    "SELECT * FROM sojourn_engine.account",
    "SELECT digest FROM sojourn_engine.account_password",
    "SELECT count(*) FROM account",
    "SELECT * FROM engine_secret",
    "SELECT * FROM session",
    "WITH iGroupUser AS (SELECT * FROM account) SELECT * FROM iGroupUser",
    "REINDEX",
    "ANALYZE",
    "REPLACE INTO country VALUES ('pt', 'Portugal')",
)

ON_POSTGRESQL = (
    # settings, roles, and the transaction itself
    "SET ROLE tests",
    "RESET ROLE",
    "SELECT set_config('transaction_read_only', 'off', true)",
    "SELECT set_config('role', 'tests', false)",
    "SELECT set_config('statement_timeout', '0', false)",
    "SELECT pg_catalog.set_config('statement_timeout', '0', false)",
    "SELECT current_setting('data_directory')",
    "SET TRANSACTION READ WRITE",
    "START TRANSACTION READ WRITE",
    "TABLE product",
    # files, programs, other servers
    "COPY product TO '/tmp/x'",
    "COPY product FROM PROGRAM 'id'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/x')",
    "SELECT lo_creat(-1)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT ('/etc/passwd'::text).lo_import",
    "SELECT (16999::oid).lo_unlink",
    "SELECT dblink('dbname=postgres', 'SELECT 1')",
    "SELECT * FROM dblink_exec('DROP TABLE product')",
    "LOAD 'x'",
    "CREATE EXTENSION dblink",
    "DO $$ BEGIN DELETE FROM product; END $$",
    "CALL anything()",
    # SQL in a text
    "SELECT query_to_xml('DELETE FROM product', true, true, '')",
    "SELECT query_to_xml_and_xmlschema('SELECT 1', true, true, '')",
    "SELECT table_to_xml('product', true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    "SELECT * FROM ts_stat('SELECT 1')",
    "SELECT ts_rewrite('a', 'SELECT 1, 2')",
    # what other parts of the engine rely on
    "SELECT pg_advisory_lock(1399810672)",
    "SELECT pg_try_advisory_xact_lock(1)",
    "SELECT (1399810672::bigint).pg_advisory_lock",
    'SELECT "pg_advisory_lock"(1)',
    'SELECT U&"\\0070g_advisory_lock"(1)',
    "SELECT pg_notify('sojourn', 'forged')",
    "NOTIFY sojourn, 'forged'",
    "LISTEN sojourn",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_sleep(10)",
    "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "SELECT nextval('sojourn_data.sojourn_change_number_seq')",
    "SELECT txid_current()",
    "LOCK TABLE product",
    "SELECT * FROM product FOR UPDATE",
    "SELECT * INTO mine FROM product",
    "SELECT * INTO TEMP mine FROM product",
    "PREPARE a AS SELECT 1",
    "DECLARE a CURSOR WITH HOLD FOR SELECT 1",
    "DISCARD ALL",
    "DEALLOCATE ALL",
    # the catalogue
    "SELECT * FROM pg_authid",
    "SELECT rolpassword FROM pg_roles",
    "SELECT * FROM pg_catalog.pg_shadow",
    'SELECT * FROM "pg_stat_activity"',
    "SELECT * FROM pg_settings",
    "SELECT prosrc FROM pg_proc",
    "SELECT * FROM sojourn_data.sojourn_change",
    # what hides a name from who reads the text
    "SELECT /* /* */ ' */ pg_sleep(10) /* ' */",
    "SELECT 1 --\r, pg_sleep(10)",
    "SELECT pg_sleep/**/(10)",
    "SELECT PG_SLEEP (10)",
    "SELECT E'\\'', pg_sleep(10), '\\''",
    "SELECT $a$ $a$, pg_sleep(10), $a$ $a$",
    "SELECT ROW(1, pg_sleep(10))",
    "SELECT 1 WHERE 1 = 1AND pg_sleep(10) IS NULL",
)


def attacks(kind: str) -> Sequence[str]:
    return (*EVERYWHERE, *(ON_SQLITE if kind == "sqlite" else ON_POSTGRESQL))


_SAME = (
    "SELECT count(*) FROM product",
    "SELECT count(*) FROM country",
    "SELECT count(*) FROM sojourn_change",
    "SELECT number FROM sojourn_version",
)
_SERVER = (
    "SELECT count(*) FROM pg_class WHERE relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname LIKE 'pg_toast%')",
    "SELECT count(*) FROM pg_largeobject_metadata",
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    "SELECT count(*) FROM pg_roles",
    "SELECT count(*) FROM pg_extension",
    "SELECT last_value FROM sojourn_data.sojourn_change_number_seq",
)


async def witness(backend: Backend) -> list[object]:
    """What none of it may change."""
    looks = _SAME if backend.dialect == "sqlite" else (*_SAME, *_SERVER)
    return await backend.read(lambda connection: [connection.execute(text(look)).scalar() for look in looks])


async def got_through(backend: Backend, sql: str) -> bool:
    try:
        await backend.query([Statement(sql)], Bounds(time=2_000))
    except SojournError:
        return False
    return True


async def test_no_statement_leaves_its_read_transaction(database: Database, engine: Engine) -> None:
    backend = await engine.databases.named()
    await database.apply_updates([TableChanges(table="product", inserted=[product(1), product(2)])])
    before = await witness(backend)
    through = []
    for sql in attacks(backend.dialect):
        if await got_through(backend, sql):
            through.append(sql)
        # The connection is as good as new, whatever was tried.
        assert (await backend.query([Statement("SELECT count(*) FROM product")], Bounds()))[0].rows == [(2,)]
    # These only read a text; both databases take a backslash as it is.
    harmless = {"SELECT '\\'; DELETE FROM product; --'"}
    assert set(through) <= harmless
    assert await witness(backend) == before


async def test_neither_does_a_page_by_page_reader(database: Database, engine: Engine) -> None:
    backend = await engine.databases.named()
    await database.apply_updates([TableChanges(table="product", inserted=[product(1)])])
    before = await witness(backend)
    for sql in attacks(backend.dialect):
        try:
            async for _ in backend.stream(Statement(sql), Bounds(time=2_000), 10):
                assert sql == "SELECT '\\'; DELETE FROM product; --'", f"{sql} got through"
        except SojournError:
            continue
    assert await witness(backend) == before


async def test_what_a_statement_may_do_stays_possible(backend: Backend) -> None:
    common = [
        "SELECT count(*), max(price), coalesce(min(name), '-') FROM product",
        "SELECT lower(name), upper(name), length(name), round(price, 1) FROM product WHERE name LIKE 'a%' ORDER BY 1",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n",
        "SELECT row_number() OVER (ORDER BY code), t.name FROM country AS t",
        "SELECT CASE WHEN stock IN (1, 2) THEN 1 ELSE 0 END FROM product WHERE price BETWEEN 1 AND 2",
        "SELECT cast(price AS INTEGER) FROM product UNION SELECT 1",
        "SELECT pg.name FROM product pg",
        "SELECT * FROM cheap",
        "VALUES (1), (2)",
    ]
    on_postgresql = [
        "SELECT now(), clock_timestamp(), random(), gen_random_uuid(), date_trunc('day', now())",
        "SELECT jsonb_build_object('a', 1) ->> 'a', to_char(price, '999'), string_agg(name, ',') FROM product GROUP BY price",
        "SELECT a.b FROM (VALUES (1)) AS a(b)",
        "SELECT * FROM generate_series(1, 3) AS g(n), LATERAL (SELECT n * 2) AS twice(m)",
        "SELECT array_agg(name), numeric(10, 2) '1.5', pg_typeof(1) FROM product",
        "SELECT extract(epoch FROM now()), substring('abc' FROM 2 FOR 1), 'x' COLLATE \"C\"",
        "SELECT count(*) FROM information_schema.tables",
    ]
    for sql in common if backend.dialect == "sqlite" else [*common, *on_postgresql]:
        await backend.query([Statement(sql)], Bounds())
