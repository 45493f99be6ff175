"""An engine database with everything that stands on it, fresh for each test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.config.project import RealmFolder
from sojourn.core.clock import ManualClock
from sojourn.engine.accounts import Accounts, AccountSeal
from sojourn.engine.apikeys import ApiKeys
from sojourn.engine.audit import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.grants import Grants
from sojourn.engine.journal import EndJournal
from sojourn.engine.password_records import PasswordRecords
from sojourn.engine.realms import Realms
from sojourn.engine.users import Users
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.realm import Realm, RealmConfig

URL = "sqlite:///var/engine.db"
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


@pytest.fixture
async def db(project: Path) -> AsyncIterator[EngineDatabase]:
    opened = await EngineDatabase.open(URL, project)
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
