"""The database as one session has it: ``engine.database(session)``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Final, overload

from sqlalchemy import Connection, select

from sojourn.core.clock import SECOND
from sojourn.core.errors import CrossSiteWrite, InsufficientScope, StaleSession
from sojourn.data import schema
from sojourn.data.acting import Acting
from sojourn.data.apply import Application, wanted
from sojourn.data.changelog import next_version
from sojourn.data.databases import MAIN, Databases
from sojourn.data.dataset import DataSet
from sojourn.data.definition import define
from sojourn.data.errors import BadTag, DatabaseLoginRequired, TableUnknown
from sojourn.data.log_rows import LogRows
from sojourn.data.port import NO_PARAMETERS, Backend, Bounds, Guard, Parameters, Statement, Table
from sojourn.data.terms import ALTER_SCHEMA, Author, NoTerms, TableChanges, Terms, is_tag
from sojourn.data.undo import Asker, Undo
from sojourn.engine.live import Session
from sojourn.engine.rules import Rules

_BOUNDS = Bounds()
_NO_TERMS: Final = NoTerms()
#: Milliseconds after which somebody who reads page by page is looked at again.
LOOK = SECOND
#: Rows of a page where nobody says how many.
PAGE = 1_000


class Database(Acting, LogRows):
    """One connection of one session to a database of the application.

    The default connection (``follows``) acts for the user of the session and follows its login and logout; another one
    has nobody until it logs in. Without a user nothing is read and nothing is written. Who acts, from where and in which
    session is written into the change log by the engine.
    """

    def __init__(
        self,
        rules: Rules,
        databases: Databases,
        session: Session,
        name: str = MAIN,
        *,
        terms: Terms | None = None,
        execution_key: str = "",
        follows: bool = True,
    ) -> None:
        """Use ``engine.database(session)``."""
        super().__init__(rules, session, follows=follows)
        #: Its name in the project.
        self.name = name
        self._databases = databases
        self._terms = terms
        self._execution_key = execution_key
        self._tracking_id = ""

    def serve(self, session: Session, execution_key: str) -> None:
        """Work for another execution of the same session from now on, as connections that outlive one do."""
        self._session = session
        self._execution_key = execution_key

    # --- tags ---

    @property
    def tracking_id(self) -> str:
        """Tag of what is changed here: its own, else that of the session."""
        return self._tracking_id or (self._terms.tracking_id if self._terms else "")

    @tracking_id.setter
    def tracking_id(self, value: str) -> None:
        """Give it a tag of its own; empty returns to that of the session. Raises ``BadTag``."""
        if not is_tag(value):
            raise BadTag
        self._tracking_id = value

    # --- reading ---

    @overload
    async def query(self, sql: str, parameters: Parameters = ..., *, bounds: Bounds | None = ...) -> DataSet: ...

    @overload
    async def query(
        self, sql: list[str] | list[Statement], parameters: Parameters = ..., *, bounds: Bounds | None = ...
    ) -> list[DataSet]: ...

    async def query(
        self,
        sql: str | list[str] | list[Statement],
        parameters: Parameters = NO_PARAMETERS,
        *,
        bounds: Bounds | None = None,
    ) -> DataSet | list[DataSet]:
        """What one statement reads, or several, all of them from one snapshot.

        ``parameters`` are values for ``?`` in their order, or for ``:name`` by name; several statements have them all, or
        each its own as a :class:`~sojourn.data.port.Statement`. Raises ``DatabaseLoginRequired``, as ``Session.check``
        and as ``Backend.query``.
        """
        backend = await self._ready()
        several = [sql] if isinstance(sql, str) else sql
        statements = [one if isinstance(one, Statement) else Statement(one, parameters) for one in several]
        found = [DataSet(rows) for rows in await backend.query(statements, bounds or _BOUNDS)]
        return found[0] if isinstance(sql, str) else found

    async def stream(
        self, sql: str, parameters: Parameters = NO_PARAMETERS, *, page: int = PAGE, bounds: Bounds | None = None
    ) -> AsyncGenerator[DataSet, None]:
        """What one statement reads, ``page`` rows at a time, all of it from one snapshot. Raises as :meth:`query`.

        Close it (``contextlib.aclosing``) when it is left early: until then it holds a connection.
        """
        guard, backend, now = self._guard(), await self._ready(), self._rules.clock.now
        looked = now()
        async for rows in backend.stream(Statement(sql, parameters), bounds or _BOUNDS, page):
            if now() - looked >= LOOK:
                await guard()
                looked = now()
            yield DataSet(rows)

    async def table(self, name: str) -> Table:
        """The table of that name; raises ``TableUnknown``."""
        tables = await (await self._ready()).tables()
        found = tables.get(name) or next((one for one in tables.values() if one.name.lower() == name.lower()), None)
        if found is None:
            raise TableUnknown(f"there is no table {name[:60]!r}")
        return found

    async def version(self) -> int:
        """The version number that was given last."""
        return await (await self._ready()).read(_last_version)

    # --- writing ---

    async def apply_updates(self, changes: Sequence[TableChanges], *, log: bool = True) -> int:
        """Write changes of records in one transaction; their version number, 0 when nothing was to be changed.

        ``log=False`` leaves no row in the change log. Raises ``RecordConflict`` when somebody has changed a record
        meanwhile, ``TableUnnamed``, ``TableUnknown``, ``TableWithoutKey``, ``BadValue``, ``ConstraintFailed``, and then
        nothing is written; as ``Backend.write``; as :meth:`query`. The session and the account are looked at once more
        before the commit.
        """
        guard, backend = self._guard(), await self._ready(writes=True)
        tables = await backend.tables()
        author, now, scopes = self._author, self._rules.clock.now(), await self._scope_now()

        def work(connection: Connection) -> int:
            # The images too are made in the thread: for thousands of rows they take a while.
            asked = [wanted(backend.rows, tables, one) for one in changes]
            return Application(backend.rows, author, now, scopes, log=log).run(connection, asked)

        return await backend.write(work, guard)

    async def execute_ddl(self, statement: str) -> int:
        """Change the schema: CREATE, ALTER or DROP of a table, an index or a view; the version number of the change.

        It has a row in the change log, and is not undone by undo. Raises ``InsufficientScope`` without the scope
        ``database.alterSchema``, ``StatementRefused``, and as :meth:`query`.
        """
        guard, backend = self._guard(), await self._ready(writes=True)
        if ALTER_SCHEMA not in await self._scope_now():
            raise InsufficientScope
        return await define(backend, statement, self._author, self._rules.clock.now(), guard)

    async def create_key(self, quantity: int = 1, *, high: bool = False, positive: bool = False) -> int:
        """The first of ``quantity`` new keys that follow each other; of the product that the session's licence names.

        ``high``: positive keys of the upper half. ``positive``: whatever the licence says. Raises ``BadQuantity``,
        ``KeyLimit``, ``KeysExhausted``, ``ProductUnknown``, ``ProductNotDeveloped``, ``InsufficientScope`` without the scope
        of the product, and as :meth:`query`.
        """
        guard, _ = self._guard(), await self._ready(writes=True)
        keys, terms = await self._databases.keys(self.name), self._terms or _NO_TERMS
        now = self._rules.clock.now()
        return await keys.create(
            self._author, await self._scope_now(), terms, quantity, now=now, high=high, positive=positive, guard=guard
        )

    async def remaining_keys(self) -> int:
        """Keys in the stock of this process. Raises as :meth:`query`."""
        await self._ready()
        return (await self._databases.keys(self.name)).remaining

    async def inc_version(self) -> int:
        """A version number that nobody had before."""
        guard, backend = self._guard(), await self._ready(writes=True)
        return await backend.write(next_version, guard)

    async def undo(self) -> Undo:
        """Undo and redo with the rights of this connection: of changes of its own session, and with the scope
        ``database.undoChanges`` of all that were made in its realm. Raises as :meth:`query`.
        """
        guard, backend = self._guard(), await self._ready(writes=True)
        realms = frozenset({self._session.realm.id})
        scope = await self._scope_now()
        who = Asker(author=self._author, scope=scope, realms=realms, guard=guard)
        return Undo(backend, self._rules.audit, self._rules.clock, who)

    # --- within ---

    @property
    def _author(self) -> Author:
        session = self._session
        return Author(
            user_key=self.user_key,
            user_name=self._logged_name,
            session=session.id,
            realm=session.realm.id,
            address=self._address,
            execution_key=self._execution_key,
            tag=self.tracking_id or self._execution_key,
        )

    async def _ready(self, *, writes: bool = False) -> Backend:
        """The database, for who may use it now."""
        access = self._access
        if access is None:
            raise DatabaseLoginRequired
        if writes and (access.read_only or self._session.access.read_only):
            raise CrossSiteWrite
        await self._check()
        return await self._databases.named(self.name)

    def _guard(self) -> Guard:
        begun = self._identity

        async def guard() -> None:
            await self._check()
            if self._identity != begun:
                # The change is that of who has begun it; he has logged out meanwhile, or another one has logged in.
                raise StaleSession(self._session.access.session.epoch)

        return guard


def _last_version(connection: Connection) -> int:
    return int(connection.execute(select(schema.version.c.number)).scalar_one())
