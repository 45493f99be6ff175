"""An engine database with everything that stands on it, fresh for each test."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from sojourn.config.project import RealmFolder
from sojourn.core.clock import ManualClock
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.records import Accounts, AccountSeal
from sojourn.engine.accounts.users import Users
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.facts import Facts
from sojourn.engine.keys.apikeys import ApiKeys
from sojourn.engine.passwords.records import PasswordRecords
from sojourn.engine.providers.external import ExternalIdentities
from sojourn.engine.realms import Realms
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.realm import Realm, RealmConfig

URL = "sqlite:///var/engine.db"

#: Modules whose tests run on each engine database.
ON_BOTH = frozenset(
    {
        *("test_apikeys", "test_audit", "test_audit_keeping", "test_facts", "test_grants"),
        *("test_groups", "test_journal", "test_leases", "test_passwords", "test_realms", "test_users"),
        *("test_arriving", "test_sessions", "test_vfs"),
    }
)

CHEAP = Cost(memory=8, passes=1)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose engine database is migrated and empty; migrations run once."""
    project = tmp_path_factory.mktemp("migrated")

    async def make() -> None:
        db = await EngineDatabase.open(URL, project)
        await db.close()

    asyncio.run(make())
    return project


@pytest.fixture
def project(tmp_path: Path, migrated: Path) -> Path:
    """A project of this test's own, with a migrated database."""
    shutil.copytree(migrated, tmp_path, dirs_exist_ok=True)
    return tmp_path


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What the tests of :data:`ON_BOTH` do with the database, they do on SQLite and on PostgreSQL."""
    if metafunc.module.__name__.rpartition(".")[2] in ON_BOTH and "engine_url" in metafunc.fixturenames:
        metafunc.parametrize("engine_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def engine_url(request: pytest.FixtureRequest) -> str:
    """The address of an empty engine database, in the project's own file unless the test is one of both."""
    on_postgres = getattr(request, "param", "sqlite") == "postgresql"
    return str(request.getfixturevalue("postgres_engine_database")) if on_postgres else URL


@pytest.fixture
def foreign(project: Path, engine_url: str) -> Callable[[str], None]:
    """Runs a statement on the database as a foreign tool would, past the engine."""

    def run(statement: str) -> None:
        if engine_url == URL:
            with closing(sqlite3.connect(project / "var/engine.db", isolation_level=None)) as tool:
                tool.execute(statement)
        else:
            with psycopg.connect(engine_url, autocommit=True, options="-c search_path=sojourn_engine") as server:
                server.execute(statement.encode())

    return run


@pytest.fixture
async def db(project: Path, engine_url: str) -> AsyncIterator[EngineDatabase]:
    opened = await EngineDatabase.open(engine_url, project)
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def hasher() -> PasswordHasher:
    return PasswordHasher(CHEAP, workers=1)


@pytest.fixture
def audit(db: EngineDatabase, clock: ManualClock) -> Audit:
    return Audit(db, clock)


@pytest.fixture
def accounts(clock: ManualClock) -> Accounts:
    return Accounts(AccountSeal(b"a key of these tests"), clock)


@pytest.fixture
def facts(db: EngineDatabase, accounts: Accounts, clock: ManualClock) -> Facts:
    return Facts(db, accounts.seal, clock)


@pytest.fixture
def passwords(
    db: EngineDatabase, accounts: Accounts, hasher: PasswordHasher, audit: Audit, clock: ManualClock
) -> PasswordRecords:
    return PasswordRecords(db, accounts, hasher, audit, clock, realms=Realms(db))


@pytest.fixture
def users(
    db: EngineDatabase, accounts: Accounts, passwords: PasswordRecords, audit: Audit, clock: ManualClock
) -> Users:
    return Users(db, accounts, passwords, audit, clock)


@pytest.fixture
def identities(db: EngineDatabase, audit: Audit, clock: ManualClock) -> ExternalIdentities:
    return ExternalIdentities(db, audit, clock)


@pytest.fixture
def grants(db: EngineDatabase, audit: Audit, clock: ManualClock) -> Grants:
    return Grants(db, audit, clock)


@pytest.fixture
def api_keys(db: EngineDatabase, audit: Audit, clock: ManualClock) -> ApiKeys:
    return ApiKeys(db, audit, clock)


@pytest.fixture
def journal(db: EngineDatabase) -> EndJournal:
    return EndJournal(db)


@pytest.fixture
async def realms(db: EngineDatabase, clock: ManualClock) -> Realms:
    """Two realms of the directory ``main`` and one of another."""
    made = Realms(db)
    named = {name: RealmFolder(name, RealmConfig(), {}, ()) for name in ("acme", "other")}
    apart = RealmFolder("apart", RealmConfig(directory="apart"), {}, ())
    await made.sync(named | {"apart": apart}, clock.now())
    return made


@pytest.fixture
def realm(realms: Realms) -> Realm:
    found = realms.get("acme")
    assert found is not None
    return found
