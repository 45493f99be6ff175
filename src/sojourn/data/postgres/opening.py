"""Opening a database of the application: roles and schemas, our tables, the views of the system, the reader's password."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, TypeVar

import psycopg
from sqlalchemy import Connection, text

from sojourn.data.errors import DatabaseUnavailable
from sojourn.data.migrate import HEAD, migrate, stored_revision
from sojourn.data.postgres import roles as roles_
from sojourn.data.postgres.faults import FAULTS, house_errors
from sojourn.data.postgres.names import SYSTEM, Roles, literal, quoted, roles_of
from sojourn.data.postgres.writers import WRITE
from sojourn.engine.database.postgres.lines import Line, Lines
from sojourn.stores.libpq.connecting import connect_here, read_url

T = TypeVar("T")

#: Seconds that one statement of an upgrade may take.
_UPGRADE = 600.0

# Several processes may open it at once; only one of them makes what is missing.
_ALONE: Final = text(
    "SET LOCAL lock_timeout = 60000; SELECT pg_advisory_xact_lock(1399810672); SET LOCAL lock_timeout = 2000"
)

_NO_RIGHT = "42501"

#: SQLSTATE of a refused password, and of a role that may not log in.
_REFUSED = frozenset({"28P01", "28000"})

_VIEWS: Final = text(
    f"""SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = {literal(SYSTEM)} AND c.relkind = 'v' AND NOT has_table_privilege(:reader, c.oid, 'SELECT')"""  # noqa: S608 - our own words
)

_SAME: Final = text("SELECT id FROM sojourn_engine.installation")
_COLUMNS: Final = text(
    """SELECT c.relname::text, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
       WHERE n.nspname = :schema AND c.relkind = 'v' AND has_schema_privilege(n.oid, 'USAGE')
         AND has_table_privilege(c.oid, 'SELECT') GROUP BY c.relname"""
)


class Opened(NamedTuple):
    """What opening has found."""

    roles: Roles
    database: str
    #: Of the reader.
    password: str


def prepare(lines: Lines, secret: bytes, installation: str) -> Opened:
    """Bring all of it up to date; several processes may do so at once.

    ``installation`` is the id of the engine: where its database is this very one, its views are shown. Raises
    ``DatabaseUnavailable``, ``StoreVersion`` and their kin.
    """
    with house_errors():
        line = lines.new()
        usual, line.patience = line.patience, _UPGRADE
        try:
            opened = line.finish(line.begin(WRITE), lambda connection: _prepare(connection, secret, installation))
        finally:
            line.patience = usual
            lines.discard(line)
        return opened


def admit(lines: Lines, parameters: Mapping[str, Any], opened: Opened) -> Mapping[str, Any]:
    """The parameters with which the reader logs in; its password is set anew when the server knows another one."""
    mine = {**parameters, "user": opened.roles.reader, "password": opened.password}
    try:
        connect_here(mine).close()
    except psycopg.OperationalError as error:
        if error.sqlstate not in _REFUSED and "password" not in str(error):
            raise DatabaseUnavailable(f"the reader cannot log in: {str(error).strip()}") from error
        _set_password(lines, opened)
        try:
            connect_here(mine).close()
        except psycopg.OperationalError as again:
            raise DatabaseUnavailable(f"the reader cannot log in: {str(again).strip()}") from again
    return mine


def verifier(driver: psycopg.Connection[Any], password: str, reader: str) -> str:
    """What the server keeps in place of a password: the password itself is never sent."""
    return driver.pgconn.encrypt_password(password.encode(), reader.encode(), b"scram-sha-256").decode()


def standing_of(connection: Connection, secret: bytes) -> tuple[roles_.Standing, Opened]:
    """What the roles are called here."""
    there = roles_.standing(connection)
    roles = roles_of(there.engine, there.database)
    return there, Opened(roles, there.database, roles_.password(secret, roles.reader))


def wanted(connection: Connection, there: roles_.Standing, opened: Opened) -> Sequence[str]:
    """The SQL that makes roles and schemas."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    proof = verifier(driver, opened.password, opened.roles.reader)
    return roles_.script(opened.roles, opened.database, proof, server=there.server)


def printed(url: str, secret: bytes) -> Sequence[str]:
    """The SQL for an operator, who may make roles; its last part is for a superuser. Raises ``DatabaseUnavailable``."""

    def work(connection: Connection) -> Sequence[str]:
        there, opened = standing_of(connection, secret)
        return [*wanted(connection, there, opened), *roles_.hardening(opened.roles, opened.database)]

    lines = Lines(read_url(url))
    try:
        with house_errors():
            return _alone(lines, work)
    finally:
        lines.close()


def _prepare(connection: Connection, secret: bytes, installation: str) -> Opened:
    connection.execute(_ALONE)
    there, opened = standing_of(connection, secret)
    if roles_.lack(connection, opened.roles).missing:
        with _for_an_operator("roles or schemas of the application are missing"):
            for statement in wanted(connection, there, opened):
                connection.exec_driver_sql(statement)
    excess = roles_.lack(connection, opened.roles).excess
    if excess:
        raise DatabaseUnavailable(f"the role {opened.roles.reader} has more rights than it may: {'; '.join(excess)}")
    if stored_revision(connection) != HEAD:
        _drop_twins(connection)
    migrate(connection)
    _show_engine(connection, installation)
    _make_twins(connection)
    for view in connection.execute(_VIEWS, {"reader": opened.roles.reader}).scalars().all():
        connection.exec_driver_sql(
            f"GRANT SELECT ON {quoted(SYSTEM)}.{quoted(view)} TO {quoted(opened.roles.reader)}".replace("%", "%%")
        )
    return opened


def _show_engine(connection: Connection, installation: str) -> None:
    """Views of ours over those of the engine database, where it lies in this one."""
    views = _columns(connection, "sojourn_engine")
    if not views or connection.execute(_SAME).scalar() != installation:
        return
    there = _columns(connection, SYSTEM)
    for name, columns in views.items():
        if there.get(name) != columns:
            _drop_twin(connection, name)
            _make_view(connection, name, f"sojourn_engine.{quoted(name)}", {column: column for column in columns})


def _make_twins(connection: Connection) -> None:
    """Beside each view one whose names are in small letters, as PostgreSQL reads them when they stand without quotes."""
    views = _columns(connection, SYSTEM)
    for name, columns in views.items():
        folded = {column.lower(): column for column in columns}
        if name != name.lower() and views.get(name.lower()) != list(folded):
            _make_view(connection, name.lower(), f"{SYSTEM}.{quoted(name)}", folded)


def _drop_twins(connection: Connection) -> None:
    """Before an upgrade: a view on which another one is made could not be made anew."""
    for name in _columns(connection, SYSTEM):
        _drop_twin(connection, name)


def _drop_twin(connection: Connection, name: str) -> None:
    if name != name.lower():
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {SYSTEM}.{quoted(name.lower())}")


def _make_view(connection: Connection, name: str, source: str, columns: Mapping[str, str]) -> None:
    chosen = ", ".join(f"{quoted(column)} AS {quoted(shown)}" for shown, column in columns.items())
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {SYSTEM}.{quoted(name)}")
    connection.exec_driver_sql(f"CREATE VIEW {SYSTEM}.{quoted(name)} AS SELECT {chosen} FROM {source}")  # noqa: S608 - names of ours


def _columns(connection: Connection, schema: str) -> dict[str, list[str]]:
    """The columns of the views in ``schema`` that the engine may read."""
    return {name: list(columns) for name, columns in connection.execute(_COLUMNS, {"schema": schema})}


def _set_password(lines: Lines, opened: Opened) -> None:
    def work(connection: Connection) -> None:
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        proof = verifier(driver, opened.password, opened.roles.reader)
        with _for_an_operator(f"the password of {opened.roles.reader} is not that of this engine"):
            connection.exec_driver_sql(f"ALTER ROLE {quoted(opened.roles.reader)} PASSWORD {literal(proof)}")

    with house_errors():
        _alone(lines, work)


def _alone(lines: Lines, work: Callable[[Connection], T]) -> T:
    line: Line = lines.new()
    try:
        return line.finish(line.begin(WRITE), work)
    finally:
        lines.discard(line)


@contextmanager
def _for_an_operator(what: str) -> Iterator[None]:
    try:
        yield
    except FAULTS as error:
        cause = getattr(error, "orig", error)
        if isinstance(cause, psycopg.Error) and cause.sqlstate == _NO_RIGHT:
            message = f"{what}, and the engine may not make them: run as an operator what sojourn data roles prints"
            raise DatabaseUnavailable(message) from error
        raise
