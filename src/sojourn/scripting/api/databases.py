"""What ``Database`` and ``Connection`` of ``prelude/database.js`` ask of the host."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from sojourn.core.errors import BadRequest
from sojourn.data.database import Database
from sojourn.data.errors import DatabaseUnknown, TableUnnamed
from sojourn.data.port import Bounds, Parameters, Rows, Statement
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.api.database_arguments import Mark, Note, Which, bounds_of, parameters_of, struct_of
from sojourn.scripting.api.session import checked_tracking_id
from sojourn.scripting.declare import BadArgument, HostClass, exposed, static
from sojourn.scripting.paging import Pages, of_lists
from sojourn.scripting.run import Run
from sojourn.scripting.updates import changes, read
from sojourn.scripting.values import Value

_USER: Final = "a user who is logged in on the connection"
_CHANGES: Final = f"{_USER}; not where a page of another site has caused the request"
#: The number of the default connection.
_DEFAULT: Final = 0
#: Characters of changes that are handed over before they are applied.
_MOST_PREPARED: Final = 64 << 20
#: Rows that are asked of the database at once.
_PAGE: Final = 1_000


class ChangesTooLarge(BadRequest):
    """Too much is to be applied at once: apply it in parts."""

    code = "database.changes_too_large"
    status = 413


@dataclass
class _Opened:
    """A connection that a script has made."""

    database: Database


@exposed("Databases", role="internal")
class Databases(HostClass):
    """Connections to the databases of the project, by number: 0 is the default one."""

    def __init__(self, run: Any) -> None:
        super().__init__(run)
        self._prepared: list[str] = []
        self._size = 0

    # --- connections ---

    @static("open(name: string): number", ANYONE)
    async def open(self, name: str) -> int:
        """A connection without a user to the database of that name. Throws ``DatabaseUnknown``."""
        run = self.run
        databases = run.service.databases
        if name not in databases.names:
            raise DatabaseUnknown(f"there is no database {name[:60]!r}")
        made = Database(
            run.rules, databases, run.session, name, terms=run.kept, execution_key=run.execution_key, follows=False
        )
        return run.keep(_Opened(made))

    @static("name(connection: number): string", ANYONE)
    def name(self, connection: int) -> str:
        """Name of the database in the project."""
        return self._database(connection).name

    @static("userKey(connection: number): number", ANYONE)
    def user_key(self, connection: int) -> int:
        """Key of the user who is logged in on the connection, -1 without one."""
        return self._database(connection).user_key

    @static("userName(connection: number): string", ANYONE)
    def user_name(self, connection: int) -> str:
        """Name of the user."""
        return self._database(connection).user_name

    @static("scope(connection: number): string", ANYONE)
    def scope(self, connection: int) -> str:
        """What the user of the connection may do."""
        return " ".join(sorted(self._database(connection).scope))

    @static("trackingId(connection: number): string", ANYONE)
    def tracking_id(self, connection: int) -> str:
        """Tag of what is changed."""
        return self._database(connection).tracking_id

    @static("setTrackingId(connection: number, value: string): void", ANYONE)
    def set_tracking_id(self, connection: int, value: str) -> None:
        """Give the connection a tag of its own. Throws ``BadArgument``."""
        self._database(connection).tracking_id = checked_tracking_id(value)

    @static("login(connection: number, userName: string, password: string): boolean", ANYONE, also="the password")
    async def login(self, connection: int, user_name: str, password: str) -> bool:
        """Log the connection in, and nothing but it."""
        return await self._database(connection).login(user_name, password)

    @static(
        "loginByAuthToken(connection: number, authToken: string): void",
        ANYONE,
        also="the text of the token; its user: `security.externalAccess`",
    )
    async def login_by_auth_token(self, connection: int, auth_token: str) -> None:
        """Log the connection in with an AuthToken. Throws ``AuthTokenRefused``, ``InsufficientScope``."""
        await self._database(connection).login_by_auth_token(auth_token, scripts=tuple(self.run.scripts))

    @static("loginBySession(connection: number): boolean", ANYONE)
    async def login_by_session(self, connection: int) -> bool:
        """Give the connection the user of this session, and of no other; whether there is one."""
        return await self._database(connection).login_by_session()

    @static("logout(connection: number): void", ANYONE)
    def logout(self, connection: int) -> None:
        """End the identity of the connection."""
        self._database(connection).logout()

    @static("userHasScope(connection: number, scope: string): boolean", ANYONE)
    async def user_has_scope(self, connection: int, scope: str) -> bool:
        """Whether the user of the connection has a scope now."""
        return await self._database(connection).user_has_scope(scope)

    # --- reading ---

    @static(
        "query(connection: number, sql: string[], parameters: any, options: any, together: boolean): object",
        ANYONE,
        also=_USER,
    )
    async def query(self, connection: int, sql: list[str], parameters: Any, options: Any, together: bool) -> Value:  # noqa: FBT001
        """The first pages of results, and the number of what is left of them; 0 = nothing."""
        database = self._database(connection)
        bounds = bounds_of(options)
        given = parameters_of(parameters)
        if together:
            found = await database.query([Statement(one, given) for one in sql], bounds=bounds)
            results = of_lists([Rows(one.columns, one.rows, one.table, one.key) for one in found])
        else:
            results = _rows(database, sql[0], given, bounds)
        pages = Pages(results, self.run.session.access.session.epoch)
        self.run.closing.append(pages.close)
        return await self._reply(pages, 0)

    @static("page(result: number): object", ANYONE, also=_USER)
    async def page(self, result: int) -> Value:
        """The next pages of a result."""
        pages = self.run.held(result)
        if not isinstance(pages, Pages):
            raise BadArgument("there is no such result")
        return await self._reply(pages, result)

    async def _reply(self, pages: Pages, number: int) -> Value:
        try:
            taken = await pages.take()
        except BaseException:
            await self._let_go(pages, number)
            raise
        if pages.over:
            await self._let_go(pages, number)
            return {"pages": taken, "more": 0}
        return {"pages": taken, "more": number or self.run.keep(pages, pages.close)}

    async def _let_go(self, pages: Pages, number: int) -> None:
        self.run.kept.handles.pop(number, None)
        if pages.close in self.run.closing:
            self.run.closing.remove(pages.close)
        await pages.close()

    # --- writing ---

    @static("prepare(text: string, first: boolean): void", ANYONE)
    def prepare(self, text: str, first: bool) -> None:  # noqa: FBT001
        """A piece of changes that are too many for one call. Throws ``ChangesTooLarge``."""
        if first:
            self._prepared, self._size = [], 0
        self._size += len(text)
        if self._size > _MOST_PREPARED:
            self._prepared = []
            raise ChangesTooLarge
        self._prepared.append(text)

    @static("applyUpdates(connection: number, text: string | null, logChanges: boolean): number", ANYONE, also=_CHANGES)
    async def apply_updates(self, connection: int, text: str | None, log_changes: bool) -> int:  # noqa: FBT001
        """Write what waits in DataSets in one transaction; the version."""
        database = self._database(connection)
        whole = "".join(self._prepared) if text is None else text
        self._prepared, self._size = [], 0
        sent = read(whole, self.run.session.access.session.epoch)
        if not all(one.table for one in sent):
            raise TableUnnamed
        wanted = [changes(one, await database.table(one.table)) for one in sent]
        return await database.apply_updates(wanted, log=log_changes)

    @static(
        "executeDDL(connection: number, statement: string): number",
        ANYONE,
        also=f"{_CHANGES}; the scope `database.alterSchema`",
    )
    async def execute_ddl(self, connection: int, statement: str) -> int:
        """Change the schema; the version."""
        return await self._database(connection).execute_ddl(statement)

    @static(
        "createKey(connection: number, quantity: number, high: boolean, positive?: boolean): number | bigint",
        ANYONE,
        also=f"{_CHANGES}; for keys of a product its scope",
    )
    async def create_key(self, connection: int, quantity: int, high: bool, positive: bool = False) -> int:  # noqa: FBT001, FBT002
        """The first of new keys that follow each other."""
        return await self._database(connection).create_key(quantity, high=high, positive=positive)

    @static("remainingKeys(connection: number): number", ANYONE, also=_USER)
    async def remaining_keys(self, connection: int) -> int:
        """Keys in the stock of this process."""
        return await self._database(connection).remaining_keys()

    @static("getVersion(connection: number): number", ANYONE, also=_USER)
    async def get_version(self, connection: int) -> int:
        """The version number that was given last."""
        return await self._database(connection).version()

    @static("incVersion(connection: number): number", ANYONE, also=_CHANGES)
    async def inc_version(self, connection: int) -> int:
        """A version number that nobody had before."""
        return await self._database(connection).inc_version()

    @static("insertLog(connection: number, type: string, options: any): number", ANYONE, also=_CHANGES)
    async def insert_log(self, connection: int, kind: str, options: Any) -> int:
        """Write a row of the script's own into the change log; its number there. Throws ``BadNote``."""
        note = struct_of(options, Note, "the options of insertLog")
        return await self._database(connection).insert_log(
            kind, content=note.content, key=note.key, class_key=note.class_key, version=note.version, tag=note.tag
        )

    @static("updateLogs(connection: number, which: any, values: any): number", ANYONE, also=_CHANGES)
    async def update_logs(self, connection: int, which: Any, values: Any) -> int:
        """Set the mark of fresh rows of the change log; how many there are. Throws ``WhichChanges``."""
        meant = struct_of(which, Which, "what updateLogs is about")
        mark = struct_of(values, Mark, "what updateLogs sets")
        return await self._database(connection).update_logs(
            version=meant.version, tag=meant.tag, fresh=mark.fresh_track
        )

    # --- within ---

    def _database(self, number: int) -> Database:
        return connection_of(self.run, number)


def connection_of(run: Run, number: int) -> Database:
    """A connection, working for this execution; raises ``StaleSession`` for one that was made under another login."""
    if number == _DEFAULT:
        if run.kept.database is None:
            run.kept.database = Database(run.rules, run.service.databases, run.session, terms=run.kept)
        found: Database = run.kept.database
    else:
        held = run.held(number)
        if not isinstance(held, _Opened):
            raise BadArgument("there is no such connection")
        found = held.database
    found.serve(run.session, run.execution_key)
    return found


async def _rows(
    database: Database, sql: str, parameters: Parameters, bounds: Bounds
) -> AsyncGenerator[tuple[int, Rows], None]:
    """One result in pages; it has no end but that of the worker's memory."""
    async with aclosing(database.stream(sql, parameters, page=_PAGE, bounds=bounds)) as pages:
        async for one in pages:
            yield 0, Rows(one.columns, one.rows, one.table, one.key)
