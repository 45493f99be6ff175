"""What ``sojourn store check`` says of a database of the application on PostgreSQL: asked of the server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from sojourn.data.migrate import HEAD, stored_revision
from sojourn.data.postgres import roles as roles_
from sojourn.data.postgres.faults import house_errors
from sojourn.data.postgres.names import APPLICATION, Roles, literal
from sojourn.stores.base import Contract, Finding
from sojourn.stores.libpq import server
from sojourn.stores.libpq.connecting import patience, reach

_SHOWN: Final = ("server", "synchronous_commit", "fsync", "full_page_writes", "isolation", "line")

_SUPERUSER: Final = text("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")

# Tables that authors can neither read nor change by a statement of ours, because somebody else has made them.
_FOREIGN: Final = text(
    f"""SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = {literal(APPLICATION)} AND c.relkind IN ('r', 'p') AND NOT (
        has_table_privilege(:reader, c.oid, 'SELECT') AND pg_has_role(c.relowner, 'USAGE')) ORDER BY 1"""  # noqa: S608 - names of ours
)
_OPEN: Final = text(
    """SELECT count(*) FROM pg_proc f WHERE f.proname ~ :closed AND has_function_privilege(:reader, f.oid, 'EXECUTE')"""
)


class _Seen(NamedTuple):
    """What stands in the database itself."""

    revision: str | None
    superuser: bool
    lack: roles_.Lack
    foreign: Sequence[str]
    #: How many functions the reader may call that no author needs.
    open: int


async def contract(parameters: Mapping[str, Any], roles: Roles) -> Contract:
    """What it promises. Raises ``StoreUnavailable``."""
    facts = await _ask(parameters)
    durability = (
        "every acknowledged change survives, with its rows in the change log, the death of engine and server and a "
        "power failure"
        if server.is_sound(facts)
        else "acknowledged changes may be lost when the server dies; sojourn store check says why"
    )
    told = {name: str(facts[name]) for name in _SHOWN}
    return Contract("postgresql", durability, {**told, "schema": HEAD, "owner": roles.owner, "reader": roles.reader})


async def ask(parameters: Mapping[str, Any]) -> Sequence[Finding]:
    """What is to be said of the server. Raises ``StoreUnavailable``."""
    return list(server.findings(await _ask(parameters)))


def look(connection: Connection, roles: Roles) -> _Seen:
    """What is to be looked at in the database."""
    reader = {"reader": roles.reader}
    return _Seen(
        stored_revision(connection),
        bool(connection.execute(_SUPERUSER).scalar_one()),
        roles_.lack(connection, roles),
        connection.execute(_FOREIGN, reader).scalars().all(),
        connection.execute(_OPEN, {"closed": roles_.CLOSED, **reader}).scalar_one(),
    )


def findings(seen: _Seen, roles: Roles) -> Iterator[Finding]:
    """What is to be said of it."""
    if seen.revision == HEAD:
        yield Finding("ok", "schema", HEAD)
    else:
        yield Finding("failure", "schema", f"{seen.revision}, this engine has {HEAD}: run sojourn store migrate")
    yield from _roles(seen, roles)
    if seen.superuser:
        yield Finding("warning", "rights", "the engine's role is a superuser, which it need not be")
    else:
        yield Finding("ok", "rights", "no superuser")
    if seen.foreign:
        names = ", ".join(seen.foreign)
        text = f"{names}: made by another role. ALTER TABLE … OWNER TO {roles.owner}, or make tables as that role"
        yield Finding("warning", "tables", text)


def _roles(seen: _Seen, roles: Roles) -> Iterator[Finding]:
    wrong = [*(f"missing: {what}" for what in seen.lack.missing), *seen.lack.excess]
    if wrong:
        yield Finding("failure", "roles", f"{'; '.join(wrong)}. See sojourn data roles")
    else:
        yield Finding("ok", "roles", f"{roles.reader} may read, {roles.owner} has the schema {APPLICATION}")
    if seen.open:
        text = (
            f"{seen.open} functions that no author needs are open to {roles.reader}; the engine refuses statements that "
            "name them. A superuser can close them: see sojourn data roles"
        )
        yield Finding("warning", "functions", text)
    else:
        yield Finding("ok", "functions", "closed to the reader by the server too")


async def _ask(parameters: Mapping[str, Any]) -> server.Facts:
    connection = await reach(dict(parameters))
    try:
        with house_errors(), patience(connection):
            return await server.look(connection, parameters)
    finally:
        await connection.close()
