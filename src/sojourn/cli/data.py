"""``sojourn data``: the databases of the application, read and defined by who has the project's files."""

from __future__ import annotations

import asyncio
import csv
import os
import sys
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine, readers_secret
from sojourn.cli.engine import ACTOR, with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply, reply_rows
from sojourn.config.project import load_project
from sojourn.config.settings import Settings
from sojourn.core import json
from sojourn.core.errors import InvalidJson, SojournError
from sojourn.data.databases import MAIN
from sojourn.data.definition import define as define_as
from sojourn.data.errors import DatabaseUnknown
from sojourn.data.lexer import split
from sojourn.data.port import Bounds, Cell, Parameters, Rows, Statement, Table
from sojourn.data.terms import Author
from sojourn.data.texts import csv_cell
from sojourn.model.session import ANONYMOUS_KEY

app = typer.Typer(help="The databases of the application: query, tables, define, roles.", no_args_is_help=True)

DatabaseOption = Annotated[str, typer.Option("--database", metavar="NAME", help="Which of the project's databases.")]


class StatementFile(SojournError):
    """The file of statements cannot be read."""

    code = "data.file"


class NotOnPostgres(SojournError):
    """Only a database on PostgreSQL has roles."""

    code = "data.no_roles"


@app.command()
@refusals
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT; ? or :name for each parameter.")],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param", metavar="[NAME=]VALUE", help="A parameter, JSON or else a text; in order for ?; repeatable."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="More rows are an error.")
    ] = 10_000,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV, texts that a spreadsheet would calculate quoted.")
    ] = False,
    database: DatabaseOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Read with one statement that can only read."""
    statement = Statement(sql, _parameters(param or ()))

    async def work(engine: Engine) -> Rows:
        backend = await engine.databases.named(database)
        return (await backend.query([statement], Bounds(rows=limit)))[0]

    found = with_engine(project, work)
    names = [column.name for column in found.columns]
    if as_csv and not as_json:
        lines = csv.writer(sys.stdout, lineterminator="\n")
        lines.writerow(map(csv_cell, names))
        lines.writerows([csv_cell(cell) for cell in row] for row in found.rows)
        return
    reply_rows(as_json, [dict(zip(names, map(_shown, row), strict=True)) for row in found.rows], names)


@app.command()
@refusals
def roles(database: DatabaseOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Print the SQL with which an operator makes the roles and schemas of a database on PostgreSQL.

    For a server on which the engine's own role may make none. What stands there already stays. The password of the
    reader is in it as a verifier only. The last statements need a superuser, and shut functions that no author needs.
    """
    settings = load_project(project, os.environ).settings
    url = settings.database_urls.get(database)
    if url is None:
        raise DatabaseUnknown(f"there is no database {database[:60]!r}")
    if not url.startswith("postgresql:"):
        raise NotOnPostgres
    statements = asyncio.run(_roles(settings, url))
    reply(as_json, {"statements": statements}, "\n".join(f"{statement};" for statement in statements))


async def _roles(settings: Settings, url: str) -> Sequence[str]:
    from sojourn.data.postgres.opening import printed

    secret, _ = await readers_secret(settings)
    return await asyncio.to_thread(printed, url, secret)


@app.command()
@refusals
def tables(database: DatabaseOption = MAIN, project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """List tables and views with their columns."""

    async def work(engine: Engine) -> list[dict[str, Any]]:
        backend = await engine.databases.named(database)
        return [_table(table) for table in (await backend.tables()).values()]

    rows = sorted(with_engine(project, work), key=lambda row: str(row["name"]))
    flat = [{**row, "columns": [f"{one['name']}:{one['type']}" for one in row["columns"]]} for row in rows]
    reply_rows(as_json, rows if as_json else flat, ("name", "kind", "key", "columns"))


@app.command()
@refusals
def define(
    statement: Annotated[
        str, typer.Argument(metavar="[STATEMENT]", help="CREATE, ALTER or DROP of a table, index, view.")
    ] = "",
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Several statements, each ended by a semicolon.")
    ] = None,
    tag: Annotated[str, typer.Option("--tag", metavar="T", help="Tag of the change in the change log.")] = "",
    database: DatabaseOption = MAIN,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Change the schema; each statement is a transaction with its row in the change log, and the first fault ends it."""
    if bool(statement) == bool(file):
        raise typer.BadParameter("give a STATEMENT or a --file")
    author = Author(user_key=ANONYMOUS_KEY, user_name=ACTOR, tag=tag)

    async def work(engine: Engine) -> int:
        backend = await engine.databases.named(database)
        texts = [statement] if file is None else split(_text(file), backend.dialect)
        for text in texts:
            await define_as(backend, text, author, engine.rules.clock.now())
        return len(texts)

    done = with_engine(project, work)
    reply(as_json, {"statements": done}, f"{done} statement{'s' if done != 1 else ''} done")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StatementFile(f"{file} cannot be read") from error


def _parameters(given: Sequence[str]) -> Parameters:
    pairs = [text.partition("=") for text in given]
    if pairs and all(sign and name.isidentifier() for name, sign, _ in pairs):
        return {name: _value(text) for name, _, text in pairs}
    return [_value(text) for text in given]


def _value(text: str) -> Cell:
    try:
        value: Cell = json.decode(text)
    except InvalidJson:
        return text
    return value if not isinstance(value, (list, dict)) else text


def _table(table: Table) -> dict[str, Any]:
    columns = [{"name": one.name, "type": one.type, "nullable": one.nullable} for one in table.columns.values()]
    return {"name": table.name, "kind": "view" if table.view else "table", "key": table.key, "columns": columns}


def _shown(cell: Cell) -> Any:
    if isinstance(cell, (date, time, datetime)):
        return cell.isoformat()
    return f"{len(cell)} bytes" if isinstance(cell, bytes) else cell
