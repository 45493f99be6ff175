"""A whole engine without HTTP, on real files, that can be started again on the same project."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import open_store
from sojourn.config.project import RealmFolder
from sojourn.config.settings import SessionSettings, Settings
from sojourn.core.clock import ManualClock
from sojourn.core.crypto import MasterKey
from sojourn.engine.access import Access
from sojourn.engine.assembly import assemble as build
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.identity.password import PasswordHasher
from sojourn.model.realm import Realm, RealmConfig
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity
from sojourn.stores.base import SessionStore
from sojourn.stores.memory import MemoryStore
from sojourn.stores.sqlite import SqliteStore

Start = Callable[..., Awaitable[Rules]]

PASSWORD = "correct horse battery"
REALMS: dict[str, dict[str, Any]] = {
    "acme": {"session_tracking_enabled": True},
    "beta": {"keep_at_login": ("cart",), "session_tracking_enabled": True},
    "gate": {"login_scope": "gate.enter"},
    "apart": {"directory": "apart"},
}

#: Most tests are about something else than limits.
UNLIMITED = SessionSettings(max_stateful=0, max_stateless=0, anonymous_per_address=0)


#: For tests that say something of every store, besides the two that all of them run on.
ON_EACH_STORE = pytest.mark.parametrize(
    "open_limited", ["memory", "sqlite", "postgres_database", "valkey_url"], indirect=True
)


@pytest.fixture(params=["memory", "sqlite"])
async def open_limited(request: pytest.FixtureRequest, start: Start) -> AsyncIterator[Start]:
    """Opens the engine of this test's project on each store, with the realms and limits that the test names."""
    servers: list[Any] = []

    async def open_engine(**options: Any) -> Rules:
        if request.param == "sqlite":
            return await start(**options)
        if request.param == "memory":
            return await start(memory=MemoryStore(), **options)
        servers.append(await open_store(request.getfixturevalue(request.param)))
        return await start(memory=servers[-1], **options)

    yield open_engine
    for server in servers:
        await server.close()


@pytest.fixture
async def start(project: Path, engine_url: str, clock: ManualClock, hasher: PasswordHasher) -> AsyncIterator[Start]:
    """Opens the engine of this test's project; more than one may be open, as with several processes."""
    opened: list[Rules] = []

    async def open_engine(
        *,
        store: type[SqliteStore] = SqliteStore,
        memory: SessionStore | None = None,
        audit: type[Audit] = Audit,
        master: bytes = bytes(32),
        limits: SessionSettings = UNLIMITED,
        realms: Mapping[str, dict[str, Any]] = REALMS,
    ) -> Rules:
        db = await EngineDatabase.open(engine_url, project)
        rules = await assemble(
            db,
            memory or await store.open(project / "var" / "state.db"),
            audit_log=audit,
            master=master,
            clock=clock,
            hasher=hasher,
            limits=limits,
            configs=realms,
        )
        opened.append(rules)
        return rules

    yield open_engine
    for rules in opened:
        await stop(rules)
    hasher.close()


async def assemble(
    db: EngineDatabase,
    store: SessionStore,
    *,
    audit_log: type[Audit],
    master: bytes,
    clock: ManualClock,
    hasher: PasswordHasher,
    limits: SessionSettings,
    configs: Mapping[str, dict[str, Any]],
) -> Rules:
    settings = Settings(project=Path("/nowhere"), sessions=limits)
    rules = build(
        settings=settings, db=db, store=store, clock=clock, master=MasterKey(master), hasher=hasher, audit=audit_log
    )
    await rules.seals.start()
    await rules.accounts.seal.start(rules.seals)
    folders = {name: RealmFolder(name, RealmConfig(**config), {}, ()) for name, config in configs.items()}
    await rules.realms.sync(folders, clock.now())
    for realm in rules.realms.all():
        await rules.keys.ensure(realm)
    return rules


async def stop(rules: Rules) -> None:
    if isinstance(rules.store, SqliteStore):
        await rules.store.close()
    await rules.db.close()


@pytest.fixture
async def rules(start: Start) -> Rules:
    return await start()


@pytest.fixture
def realm(rules: Rules) -> Realm:
    return realm_of(rules)


def realm_of(rules: Rules, name: str = "acme") -> Realm:
    found = rules.realms.get(name)
    assert found is not None
    return found


@pytest.fixture
async def anna(rules: Rules) -> Account:
    """An account with two scopes everywhere."""
    account = await rules.users.add("main", "anna", PASSWORD)
    for scope in ("cart.read", "cart.write"):
        await rules.grants.grant("anna", scope)
    return account


@pytest.fixture
async def begun(rules: Rules, realm: Realm, anna: Account) -> Begun:
    """A session of anna in acme."""
    return await rules.sessions.begin(realm, account_identity(anna, 0), Device(address="192.0.2.7"))


@pytest.fixture
async def access(rules: Rules, realm: Realm, begun: Begun) -> Access:
    return await rules.sessions.open(realm, begun.handle, "cookie")
