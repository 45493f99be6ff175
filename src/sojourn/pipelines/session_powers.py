"""What an execution can do in the world when it is deployed: the engine's rules, for its own realm and session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sojourn.core.clock import SECOND
from sojourn.core.errors import SojournError, TooManyTries
from sojourn.core.json import Json
from sojourn.data.database import Database
from sojourn.data.databases import Databases
from sojourn.data.documents.store import Documents
from sojourn.engine import live
from sojourn.engine.access import Access
from sojourn.engine.keys.apikeys import ApiKey
from sojourn.engine.rules import Rules
from sojourn.engine.tokens.access_tokens import Issued
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.model.session import Device, EndReason, Session
from sojourn.model.user import Account
from sojourn.pipelines.data import apply_step, documents_step, query_step
from sojourn.pipelines.errors import NoSession, NotInTestRun, StepFailed
from sojourn.pipelines.issuing import Login, account_login, external_login, lifetime
from sojourn.pipelines.model import Trigger
from sojourn.pipelines.powers import ApplyOrder, DocumentOrder, QueryOrder, ScriptOrder, TokenOrder
from sojourn.pipelines.scripts import run_step
from sojourn.scripting.service import Scripts

#: Logins that one execution may try.
MOST_LOGINS = 5


class Caller(NamedTuple):
    """Who called, as the gateway found it."""

    realm: Realm
    #: The session of the request's token.
    access: Access | None
    api_key: ApiKey | None
    device: Device


class SessionPowers:
    """The :class:`~sojourn.pipelines.powers.Powers` of one deployed execution."""

    __slots__ = ("_account", "_databases", "_made", "_rules", "_scripts", "_tries", "_trigger", "caller")

    def __init__(
        self,
        rules: Rules,
        trigger: Trigger,
        caller: Caller,
        scripts: Scripts | None = None,
        databases: Databases | None = None,
    ) -> None:
        self._rules = rules
        self._databases = databases
        self._scripts = scripts
        self._trigger = trigger
        #: Who called.
        self.caller = caller
        #: Logins that this execution has tried.
        self._tries = 0
        #: The account of the last successful login of this execution.
        self._account: Account | None = None
        #: The session that this execution made.
        self._made: Session | None = None

    def claims(self) -> Mapping[str, Json] | None:
        """The claims of the request's token, None without one."""
        return self.caller.access.claims if self.caller.access else None

    async def fields(self) -> Mapping[str, Field]:
        """The GLOBAL fields as they are now."""
        return await self._rules.sessions.fields(self._access())

    async def change(self, ops: Sequence[Op]) -> Changed:
        """Change GLOBAL fields in one act."""
        return await self._rules.sessions.change(self._access(), ops, touch=self._trigger.touch)

    async def authenticate(self, user_name: str, password: str) -> Account | None:
        """Check a login of the realm, at most :data:`MOST_LOGINS` of one execution."""
        self._tries += 1
        if self._tries > MOST_LOGINS:
            raise TooManyTries(SECOND)
        realm, address = self.caller.realm, self.caller.device.address
        account = await self._rules.logins.authenticate(realm, user_name, password, address)
        self._account = account or self._account
        return account

    async def generate(self, order: TokenOrder) -> str:
        """Make a token; the session of an earlier call is ended."""
        before = self._made
        expires_at = self._rules.clock.now() + lifetime(order, self.caller.realm.config)
        if order.renew:
            issued = await self._renew(order, expires_at)
        else:
            issued = await self._begin(self._login(order), order.idle, expires_at)
        if before is not None:
            await self._end(before, "replaced-by-login")
        await self._audit(issued)
        return issued.token

    async def revoke(self) -> None:
        """End the session of the request's token."""
        if self.caller.access is None:
            raise StepFailed("the request has no token", 401)
        await self._rules.sessions.end(self.caller.access, "logout")

    async def run_script(self, order: ScriptOrder) -> Json:
        """Run a script as the session of the request's token, or as nobody."""
        caller = self.caller
        access = caller.access or self._rules.sessions.transients.open_nobody(caller.realm, caller.device, "python")
        session = live.Session(self._rules, access)
        if self._scripts is None:
            raise NotInTestRun("there is nothing here that runs scripts")
        try:
            return await run_step(self._scripts, session, order)
        finally:
            if caller.access is not None and session.access is not access:
                # Where the script has logged in, the execution goes on as that user.
                self.caller = caller._replace(access=session.access)

    async def documents(self, order: DocumentOrder) -> Json:
        """Use an object store of the realm, as the session of the request's token, or as nobody."""
        store = Documents(await self._data().named(), self._rules.clock)
        return await documents_step(store, self._session(), order)

    async def query(self, order: QueryOrder) -> Json:
        """Read from a database as the user of the request's token."""
        return await query_step(self._database(order.database, order.execution_key), order)

    async def apply(self, order: ApplyOrder) -> Json:
        """Change a table as the user of the request's token."""
        return await apply_step(self._database(order.database, order.execution_key), order)

    async def discard(self) -> None:
        """End the session that this execution made, when its token is not handed out."""
        if self._made is not None:
            await self._end(self._made, "token-revoked")

    def _session(self) -> live.Session:
        caller = self.caller
        if caller.access is not None:
            return live.Session(self._rules, caller.access)
        nameless, device = self._rules.sessions.transients, caller.device
        if self._account is None:
            return live.Session(self._rules, nameless.open_nobody(caller.realm, device, "python"))
        now = self._rules.clock.now()
        return live.Session(self._rules, nameless.open_account(caller.realm, self._account, now, device.address))

    def _data(self) -> Databases:
        if self._databases is None:
            raise NotInTestRun("there is no database here")
        return self._databases

    def _database(self, name: str, execution_key: str) -> Database:
        databases, session = self._data(), self._session()
        return Database(self._rules, databases, session, name, execution_key=execution_key)

    def _access(self) -> Access:
        if self.caller.access is None:
            raise NoSession
        return self.caller.access

    async def _renew(self, order: TokenOrder, expires_at: int) -> Issued:
        access = self.caller.access
        if access is None:
            raise StepFailed("the request has no session to renew", 401)
        tokens = self._rules.tokens
        issued = await tokens.renew(access, expires_at=expires_at, scope=order.scopes, consumer=self._consumer)
        self._made = None
        return issued

    def _login(self, order: TokenOrder) -> Login:
        now = self._rules.clock.now()
        if self._account is not None:
            return account_login(self._account, order, now)
        return external_login(order, self._trigger.principal_space, self._trigger.grants, now)

    async def _begin(self, login: Login, idle: int, expires_at: int) -> Issued:
        """A session with its token, or neither."""
        realm, sessions = self.caller.realm, self._rules.sessions
        begun = await sessions.begin(
            realm,
            login.identity,
            self.caller.device,
            idle=idle,
            absolute=expires_at,
            authenticated=login.account,
        )
        # From here on it is this execution's to end, also when it is broken off before the token is there.
        self._made = begun.session
        try:
            issued = await self._rules.tokens.issue(
                realm,
                begun.session,
                scope=login.scope,
                expires_at=expires_at,
                extra=login.claims,
                consumer=self._consumer,
            )
        except SojournError:
            self._made = None
            await self._end(begun.session, "token-revoked")
            raise
        return issued

    async def _audit(self, issued: Issued) -> None:
        await self._rules.audit.record(
            "TOKEN_ISSUE",
            realm=self.caller.realm.id,
            outcome="ok",
            actor=str(issued.claims["sub"]),
            session=str(issued.claims["sid"]),
            address=self.caller.device.address,
        )

    @property
    def _consumer(self) -> str:
        return self.caller.api_key.name if self.caller.api_key else ""

    async def _end(self, session: Session, reason: EndReason) -> None:
        await self._rules.sessions.end_by_id(self.caller.realm, session.id, reason, actor="")
