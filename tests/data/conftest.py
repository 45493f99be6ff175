"""Databases of the application, fresh for each test, on each kind of database; and an engine with users over one."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.data.database import Database
from sojourn.data.port import Backend
from sojourn.data.postgres.backend import SECRET as READERS_SECRET
from sojourn.data.postgres.backend import PostgresBackend
from sojourn.data.products import Products
from sojourn.data.sqlite.backend import SqliteBackend
from sojourn.engine.live import Session
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.scripting.run import Kept
from tests.servers.postgres import PostgresServer, name_of

PASSWORD = "correct horse battery"

#: In place of a secret of the engine.
SECRET = bytes(range(32))

#: Kinds of databases on which the tests run.
KINDS = ["sqlite", "postgresql"]

#: Users of the engine, and what they may.
USERS: dict[str, tuple[str, ...]] = {
    "anna": ("database.alterSchema", "database.viewChanges", "database.undoChanges"),
    "ben": (),
    "carla": ("database.viewChanges", "database.undoChanges", "database.forceUndo", "security.externalAccess"),
}

#: What every test finds: a table with a column of each type, one with versions, one that is known by a text.
SCHEMA = (
    """CREATE TABLE product ("iKey" BIGINT PRIMARY KEY, "iVersion" BIGINT, name VARCHAR(100) NOT NULL, price DECIMAL(12, 2),
       stock INTEGER, sold BOOLEAN)""",
    """CREATE TABLE thing (key BIGINT PRIMARY KEY, text VARCHAR(1000), whole BIGINT, real DOUBLE PRECISION,
       money DECIMAL(20, 4), truth BOOLEAN, day DATE, hour TIME, at TIMESTAMP, data JSON)""",
    "CREATE TABLE country (code VARCHAR(2) PRIMARY KEY, name VARCHAR(100) NOT NULL)",
    "CREATE TABLE loose (a INTEGER, b INTEGER)",
    'CREATE VIEW cheap AS SELECT "iKey", name FROM product WHERE price < 10',
)


def cheap() -> PasswordHasher:
    """Password hashing that costs nothing."""
    return PasswordHasher(Cost(memory=8, passes=1), workers=1)


@pytest.fixture(scope="session", params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """``sqlite`` or ``postgresql``."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def made_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with our tables and :data:`SCHEMA`."""
    path = tmp_path_factory.mktemp("made") / "app.db"

    make(lambda: SqliteBackend.open("main", path))
    return path


def make(open_it: Callable[[], Awaitable[Backend]]) -> None:
    """Make the tables of :data:`SCHEMA`."""

    async def made() -> None:
        backend = await open_it()
        for statement in SCHEMA:
            await backend.define(statement, lambda _connection: None)
        await backend.close()

    with ThreadPoolExecutor(1) as thread:  # whoever asks first may do so from a running event loop
        thread.submit(asyncio.run, made()).result()


@pytest.fixture(scope="session")
def made_postgres(postgres_server: PostgresServer) -> Callable[[str], str]:
    """The URL of a database of that name with our tables and :data:`SCHEMA`, which tests share one after the other."""

    @cache
    def made(_name: str) -> str:
        url = postgres_server.new_database()
        make(lambda: PostgresBackend.open("main", url, secret=SECRET))
        return url

    return made


async def opened_empty(kind: str, request: pytest.FixtureRequest, folder: Path, name: str) -> Backend:
    """A database with :data:`SCHEMA` and without rows; in ``folder`` where it is a file."""
    if kind == "sqlite":
        shutil.copy(request.getfixturevalue("made_file"), folder / f"{name}.db")
        return await SqliteBackend.open(name, folder / f"{name}.db")
    return await PostgresBackend.open(name, empty_postgres(request, name), secret=SECRET)


def empty_postgres(request: pytest.FixtureRequest, name: str = "app") -> str:
    """The URL of a database with :data:`SCHEMA` and without rows."""
    return emptied(request.getfixturevalue("postgres_server"), request.getfixturevalue("made_postgres")(name))


def emptied(server: PostgresServer, url: str) -> str:
    """``url``, whose database is as it was when it was made."""
    server.run(_HANG_UP, _WITHOUT_TRIGGERS, _EMPTY, database=name_of(url))
    return url


# Numbers begin again, so that a test sees what it would see in a new database.
_HANG_UP = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_WITHOUT_TRIGGERS = "SET session_replication_role = replica"  # the change log is append-only
_EMPTY = """DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT c.oid::regclass AS name, c.relkind FROM pg_class c WHERE c.relnamespace = 'application'::regnamespace
      AND c.relkind IN ('r', 'v') AND c.relname NOT IN ('product', 'thing', 'country', 'loose', 'cheap') LOOP
    EXECUTE format('DROP %s IF EXISTS %s CASCADE', CASE one.relkind WHEN 'r' THEN 'TABLE' ELSE 'VIEW' END, one.name);
  END LOOP;
  FOR one IN SELECT c.oid::regclass AS name FROM pg_class c
      WHERE c.relnamespace IN ('application'::regnamespace, 'sojourn_data'::regnamespace) AND c.relkind = 'r'
      AND c.relname NOT IN ('sojourn_alembic', 'sojourn_version') LOOP
    EXECUTE format('TRUNCATE %s RESTART IDENTITY CASCADE', one.name);
  END LOOP;
  UPDATE sojourn_data.sojourn_version SET number = 0;
END $$"""


@pytest.fixture
async def backend(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """A database with :data:`SCHEMA`, without rows."""
    opened = await opened_empty(database_kind, request, tmp_path, "app")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def made_project(tmp_path_factory: pytest.TempPathFactory, made_file: Path) -> Path:
    """A project with :data:`USERS`, whose database has :data:`SCHEMA`."""
    folder = tmp_path_factory.mktemp("data") / "project"
    folder.mkdir()
    (folder / "sojourn.toml").write_text('[keys]\nmasterKeyFile = "../master.key"\n')
    for name, config in {"shop": {}, "desk": {"environmentType": "stateful"}}.items():
        (folder / "realms" / name).mkdir(parents=True)
        (folder / "realms" / name / "realm.json").write_text(json.dumps(config))
    asyncio.run(_users(folder))
    shutil.copy(made_file, folder / "var" / "app.db")
    return folder


async def _users(folder: Path) -> None:
    project = load_project(folder, {})
    await install(project.settings)
    async with Engine.open(project, hasher=cheap()) as engine:
        for name, scopes in USERS.items():
            await engine.rules.users.add("main", name, PASSWORD)
            for scope in scopes:
                await engine.rules.grants.grant(name, scope, actor="test")


@pytest.fixture
async def engine(
    made_project: Path, tmp_path: Path, database_kind: str, request: pytest.FixtureRequest
) -> AsyncIterator[Engine]:
    """An engine over a project of this test's own."""
    folder = tmp_path / "project"
    shutil.copytree(made_project, folder)
    shutil.copy(made_project.parent / "master.key", tmp_path)
    environment = {}
    if database_kind == "postgresql":
        environment["SOJOURN_STORES_APPLICATION"] = empty_postgres(request)
    async with Engine.open(load_project(folder, environment), hasher=cheap(), recover=False) as opened:
        yield opened


Enter = Callable[..., Awaitable[Session]]
Beside = Callable[[], Awaitable[Backend]]

#: For what is about the file of SQLite itself.
IN_A_FILE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def beside(engine: Engine) -> Beside:
    """Opens the database of the engine once more, as another process would."""
    rules = engine.rules
    url = rules.settings.stores.application

    async def opened() -> Backend:
        if url.startswith("sqlite"):
            return await SqliteBackend.open("main", rules.settings.project / "var" / "app.db")
        secret = await rules.seals.secret(READERS_SECRET)
        return await PostgresBackend.open("main", url, secret=secret, installation=rules.db.installation)

    return opened


@pytest.fixture
def enter(engine: Engine) -> Enter:
    """Begins a session of a user; ``enter("anna")``."""

    async def begin(user: str = "anna", realm: str = "shop") -> Session:
        session = await engine.login(realm, user, PASSWORD)
        assert session is not None
        return session

    return begin


@pytest.fixture
async def database(engine: Engine, enter: Enter) -> Database:
    """The default connection of a session of anna, with the terms of an environment."""
    return engine.database(await enter(), terms=Kept())


def product(key: int, **values: Any) -> dict[str, Any]:
    """A row of the table product."""
    return {"iKey": key, "name": f"product {key}", "price": 1, "stock": 0, "sold": False, **values}


@pytest.fixture
async def other_backend(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    """Another database of the same project."""
    opened = await opened_empty(database_kind, request, tmp_path, "other")
    yield opened
    await opened.close()


@pytest.fixture
def products(engine: Engine, backend: Backend) -> Products:
    """The products of ``backend``."""
    return Products(backend, engine.rules.leases, engine.rules.hasher)


@pytest.fixture
def other_products(engine: Engine, other_backend: Backend) -> Products:
    """The products of ``other_backend``."""
    return Products(other_backend, engine.rules.leases, engine.rules.hasher)
