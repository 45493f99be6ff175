"""A whole engine without HTTP, on real files, that can be started again on the same project."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sojourn.config.project import RealmFolder
from sojourn.config.settings import Settings
from sojourn.core.clock import ManualClock
from sojourn.core.crypto import MasterKey
from sojourn.engine.access import Access
from sojourn.engine.activity import Activity
from sojourn.engine.apikeys import ApiKeys
from sojourn.engine.audit import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.grants import Grants
from sojourn.engine.journal import EndJournal
from sojourn.engine.keys import KeyRings
from sojourn.engine.login import Logins
from sojourn.engine.realms import Realms
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun, Sessions
from sojourn.engine.tokens import Tokens
from sojourn.engine.users import Users
from sojourn.identity.password import PasswordHasher
from sojourn.model.realm import Realm, RealmConfig
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity
from sojourn.stores.sqlite import SqliteStore

Start = Callable[..., Awaitable[Rules]]

PASSWORD = "correct horse battery"
REALMS: dict[str, dict[str, Any]] = {
    "acme": {"session_tracking_enabled": True},
    "beta": {"keep_at_login": ("cart",), "session_tracking_enabled": True},
    "gate": {"login_scope": "gate.enter"},
    "apart": {"directory": "apart"},
}


@pytest.fixture
async def start(project: Path, clock: ManualClock, hasher: PasswordHasher) -> AsyncIterator[Start]:
    """Opens the engine of this test's project; more than one may be open, as with several processes."""
    opened: list[Rules] = []

    async def open_engine(
        *, store: type[SqliteStore] = SqliteStore, audit: type[Audit] = Audit, master: bytes = bytes(32)
    ) -> Rules:
        db = await EngineDatabase.open("sqlite:///var/engine.db", project)
        rules = await assemble(
            db,
            await store.open(project / "var" / "state.db"),
            audit_log=audit,
            master=master,
            clock=clock,
            hasher=hasher,
        )
        opened.append(rules)
        return rules

    yield open_engine
    for rules in opened:
        await stop(rules)
    hasher.close()


async def assemble(
    db: EngineDatabase,
    store: SqliteStore,
    *,
    audit_log: type[Audit],
    master: bytes,
    clock: ManualClock,
    hasher: PasswordHasher,
) -> Rules:
    audit, facts, journal, realms = audit_log(db, clock), Facts(db, clock), EndJournal(db), Realms(db)
    folders = {name: RealmFolder(name, RealmConfig(**config), {}, ()) for name, config in REALMS.items()}
    await realms.sync(folders, clock.now())
    keys = KeyRings(db, facts, MasterKey(master), clock)
    for realm in realms.all():
        await keys.ensure(realm)
    users = Users(db, hasher, audit, clock)
    sessions = Sessions(store=store, facts=facts, journal=journal, audit=audit, db=db, clock=clock)
    settings = Settings(project=Path("/nowhere"))
    return Rules(
        settings=settings,
        clock=clock,
        db=db,
        store=store,
        realms=realms,
        facts=facts,
        users=users,
        grants=Grants(db, audit, clock),
        api_keys=ApiKeys(db, audit, clock),
        keys=keys,
        tokens=Tokens(
            public_url=settings.server.public_url,
            installation=db.installation,
            rings=keys,
            facts=facts,
            store=store,
            clock=clock,
        ),
        sessions=sessions,
        logins=Logins(users=users, facts=facts, sessions=sessions, audit=audit, clock=clock),
        audit=audit,
        journal=journal,
        activity=Activity(clock),
    )


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
