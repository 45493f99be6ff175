"""The engine of one project, put together from its parts."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from sojourn.bootstrap.backends import open_database, open_databases, open_ije, open_store, open_v8
from sojourn.config.project import Project, load_project
from sojourn.core.clock import Clock, SystemClock
from sojourn.core.errors import SessionUnknown
from sojourn.core.ids import parse_handle
from sojourn.core.masterkey import MasterKeyFile
from sojourn.data.changes import Changes
from sojourn.data.database import Database
from sojourn.data.databases import MAIN, Databases
from sojourn.data.documents.store import sweep
from sojourn.data.field_log import ChangedFields
from sojourn.data.terms import Terms
from sojourn.engine.accounts.adoption import adopt, mark_beside
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.assembly import assemble
from sojourn.engine.fields.bag import check_bags
from sojourn.engine.live import Session
from sojourn.engine.manager import SessionManager
from sojourn.engine.rules import Rules
from sojourn.engine.tokens.bearers import kind_of
from sojourn.engine.watch.powers import check_powers
from sojourn.http.affinity import ServerId
from sojourn.http.application import Application
from sojourn.identity.password import PasswordHasher
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.pipelines.deployment import Deployment, load_pipelines
from sojourn.pipelines.runner import Runner
from sojourn.scripting.routes.table import RouteTable, load_routes
from sojourn.scripting.service import Scripts
from sojourn.stores.base import Lifecycle

_log = logging.getLogger(__name__)

_NO_DEVICE = Device()


class Engine:
    """The running system of one project; open it with ``async with Engine.open(folder) as engine``."""

    def __init__(
        self,
        project: Project,
        rules: Rules,
        deployment: Deployment,
        routes: RouteTable,
        scripts: Scripts,
        *,
        databases: Databases,
    ) -> None:
        self.project = project
        #: The rules of the engine, for the layers above and for embedding.
        self.rules = rules
        #: The pipelines of the project.
        self.deployment = deployment
        #: The routes of its scripts.
        self.routes = routes
        #: Executes scripts; nothing of it is started before the first one.
        self.scripts = scripts
        #: The databases of the application, each opened when it is first used.
        self.databases = databases
        #: The logs of what was changed there: verify, erase.
        self.changes = Changes(rules, databases)
        #: Counts, statistics and the acts of an operator, over the sessions of all realms.
        self.session_manager = SessionManager(rules)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        project: str | Path | Project,
        *,
        clock: Clock | None = None,
        hasher: PasswordHasher | None = None,
        recover: bool = True,
        deploy: bool = True,
    ) -> AsyncIterator[Engine]:
        """The engine of a project folder, or of a :class:`Project` that was read before.

        Args:
            project: Folder or project. A folder is read with the environment of this process.
            clock: Where ``now`` comes from; default: the machine's clock.
            hasher: Password hashing; default: Argon2id with OWASP's parameters.
            recover: Recognise the session store and replay the end journal onto it before anything else, then keep
                watch over it, sweep it and end what is due, until the engine is closed. False only for a process that
                serves nobody, beside one that does.
            deploy: Read the pipelines and the routes too. False only for a process that answers no requests: what is
                wrong in those files does not keep it from its work.

        Raises:
            ConfigError: With every problem of the project's files.
            MasterKeyMissing: The key that seals the signing keys cannot be read.
            StoreUnavailable, StoreVersion, StoreCorrupt: A store cannot be opened.
        """
        read = project if isinstance(project, Project) else load_project(Path(project), os.environ)
        async with AsyncExitStack() as stack:
            engine = await _assemble(cls, read, stack, clock or SystemClock(), hasher, deploy=deploy)
            if recover:
                await engine.rules.watch.start()
                await stack.enter_async_context(_kept(engine))
            yield engine

    async def login(self, realm: str, user_name: str, password: str, device: Device = _NO_DEVICE) -> Session | None:
        """Log in and begin a session; None for an unknown user and a wrong password alike.

        Raises ``AccountUnusable`` when the password is right and the account is locked, disabled or expired: do not tell
        that to a client. Raises ``PasswordExpired``, ``TooManyTries``, :class:`RealmUnknown`, ``LoginBusy``.
        """
        rules, place = self.rules, self.realm(realm)
        done = await rules.logins.login(place, user_name, password, device, tells=True)
        return await self.session(realm, str(done.handle)) if done else None

    async def session(self, realm: str, handle: str) -> Session:
        """The live session that ``handle`` opens: ``<id>.<secret>``, or a JWT, an AuthToken or a session token.

        Raises :class:`RealmUnknown`, ``SessionUnknown``, ``SessionReplaced``, ``SessionEnded`` with the reason,
        ``TokenRefused``, ``AuthTokenRefused``.
        """
        rules, shown = self.rules, parse_handle(handle)
        if shown is None and ("." in handle or kind_of(handle) != "jwt"):
            return Session(rules, await rules.bearers.open(self.realm(realm), handle))
        if shown is None:
            raise SessionUnknown
        access = await rules.sessions.open(self.realm(realm), shown, "python")
        return Session(rules, access, shown)

    def database(
        self,
        session: Session,
        name: str = MAIN,
        *,
        terms: Terms | None = None,
        execution_key: str = "",
        follows: bool = True,
    ) -> Database:
        """A connection of ``session`` to the database ``name`` of the project; it is opened by its first act.

        Args:
            session: For whose user it acts.
            name: ``main`` is that of ``stores.application``.
            terms: What the session says of its changes: tag, licence, limit of keys.
            execution_key: Tag of changes that have no other.
            follows: Whether it is the default connection, which follows login and logout of the session; another one
                has to log in itself.
        """
        return Database(
            self.rules, self.databases, session, name, terms=terms, execution_key=execution_key, follows=follows
        )

    def application(self, server_id: ServerId | None = None) -> Application:
        """The engine as an ASGI application, to serve or to mount inside another one.

        ``server_id`` is the affinity of this run of the engine, where several processes serve it; default: a new one.
        """
        if server_id is not None:
            self.rules.sessions.transients.session_tokens.run = server_id.run
        return Application(
            self.rules,
            self.deployment,
            Runner(self.rules, self.scripts, self.databases),
            server_id,
            scripts=self.scripts,
            routes=self.routes,
        )

    def warm_up(self) -> None:
        """Begin to make environments ready for the realms that have routes to scripts; for who is going to serve them."""
        names = dict.fromkeys(route.realm for route in self.routes.routes())
        self.scripts.warm_up(realm for realm in map(self.rules.realms.get, names) if realm is not None)

    async def deploy(self, project: Project, deployment: Deployment, routes: RouteTable | None = None) -> None:
        """Go on with a changed project: its realms, pipelines and routes (None = as they are); settings stay those of the start.

        Raises ``ConfigError``, before anything is changed, when a realm needs what the session store cannot do.
        """
        check_bags(self.rules.store, project.realms)
        await self.rules.realms.sync(project.realms, self.rules.clock.now())
        await self.rules.providers.sync(project.providers, self.rules.clock.now())
        for realm in self.rules.realms.all():
            await self.rules.keys.ensure(realm)
        self.project, self.deployment, self.routes = project, deployment, routes or self.routes

    def realm(self, name: str) -> Realm:
        """The realm of that name; raises :class:`RealmUnknown`."""
        found = self.rules.realms.get(name)
        if found is None:
            raise RealmUnknown(f"there is no realm {name!r}")
        return found


async def _assemble(
    kind: type[Engine],
    project: Project,
    stack: AsyncExitStack,
    clock: Clock,
    hasher: PasswordHasher | None,
    *,
    deploy: bool,
) -> Engine:
    settings = project.settings
    database = await open_database(settings)
    stack.push_async_callback(database.close)
    master_file = MasterKeyFile(settings.master_key_path(database.installation))
    master = master_file.read()[0]
    deployment = load_pipelines(project) if deploy else Deployment(())
    routes = load_routes(project) if deploy else RouteTable()
    store = await open_store(settings.stores.session, settings.project)
    if isinstance(store, Lifecycle):
        stack.push_async_callback(store.close)
    check_powers(store)
    check_bags(store, project.realms)
    passwords = hasher or PasswordHasher()
    stack.callback(passwords.close)

    rules = assemble(
        settings=settings,
        db=database,
        store=store,
        clock=clock,
        master=master,
        master_file=master_file,
        hasher=passwords,
    )
    stack.push_async_callback(rules.watch.close)
    stack.push_async_callback(rules.mailer.close)
    stack.push_async_callback(rules.sessions.beginnings.close)
    await rules.seals.start()
    await rules.accounts.seal.start(rules.seals)
    signed = mark_beside(settings.master_key_path(database.installation))
    await adopt(database, rules.accounts, signed)
    await rules.realms.sync(project.realms, rules.clock.now())
    await rules.providers.sync(project.providers, rules.clock.now())
    for realm in (*rules.realms.all(), rules.realms.operators):
        await rules.keys.ensure(realm)
    databases = open_databases(settings, rules)
    stack.push_async_callback(databases.close)
    rules.upkeep.also(lambda: sweep(databases.opened(), rules.clock))
    rules.sessions.field_log = ChangedFields(databases, rules.clock)
    scripts = Scripts(rules, {"ije": open_ije, "v8": open_v8}, databases)
    stack.push_async_callback(scripts.close)
    return kind(project, rules, deployment, routes, scripts, databases=databases)


@asynccontextmanager
async def _kept(engine: Engine) -> AsyncIterator[None]:
    """Run the upkeep beside a block, and the sealer of the change logs, which needs the lease of the upkeep."""
    upkeep = engine.rules.upkeep
    running = [asyncio.create_task(engine.changes.sealer.run(upkeep.lease)), asyncio.create_task(upkeep.run())]
    for task in running:
        task.add_done_callback(_told_if_failed)
    try:
        yield
    finally:
        for task in running:
            task.cancel()
            await asyncio.wait([task])


def _told_if_failed(upkeep: asyncio.Task[None]) -> None:
    if not upkeep.cancelled() and upkeep.exception() is not None:
        _log.critical("the upkeep of the engine has failed", exc_info=upkeep.exception())
