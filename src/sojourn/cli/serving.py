"""``sojourn serve`` and ``sojourn demo``."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from pathlib import Path
from typing import Annotated

import platformdirs
import typer

import sojourn
from sojourn.bootstrap import Engine, install
from sojourn.cli.engine import ACTOR
from sojourn.cli.logs import set_up_logging
from sojourn.cli.output import note, refusals
from sojourn.cli.script_types import write_types
from sojourn.cli.server import serve_project
from sojourn.cli.tour import END, Guest, tour
from sojourn.config.project import Project, load_project
from sojourn.data.definition import define
from sojourn.data.lexer import split
from sojourn.data.terms import Author
from sojourn.engine.keys.apikeys import ApiKeyUnknown
from sojourn.engine.security.actors import HOST
from sojourn.model.session import ANONYMOUS_KEY

EXAMPLE = Path(sojourn.__file__).parent / "examples" / "shop"

_GUESTS = ("ana", "ben")
_KEY = "web"
_REALM = "acme"
_SCOPES = ("cart.read", "cart.write")

HostOption = Annotated[str | None, typer.Option("--host", metavar="H", help="Address of the application listener.")]
PortOption = Annotated[int | None, typer.Option("--port", metavar="P", min=1, max=65_535, help="Its port.")]
WorkersOption = Annotated[int | None, typer.Option("--workers", metavar="N", min=1, help="Processes that serve.")]
NodeOption = Annotated[str | None, typer.Option("--node", metavar="NAME", help="Name of this node in logs.")]


@refusals
def serve(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The project's folder.")] = None,
    host: HostOption = None,
    port: PortOption = None,
    workers: WorkersOption = None,
    reload: Annotated[bool, typer.Option("--reload", help="Read changed files again while serving.")] = False,
    node: NodeOption = None,
    project: Annotated[Path, typer.Option("--project", metavar="DIR", help="The same as DIR.")] = Path(),
) -> None:
    """Serve a project until SIGTERM, which drains and exits with 0, or until a script ends or restarts the engine."""
    read = _read(folder or project, host, port, workers)
    set_up_logging(read.settings.log, node)
    _report(read)
    _leave(serve_project(read, reload=reload))


@refusals
def demo(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Where the example is kept.")] = None,
    host: HostOption = None,
    port: PortOption = None,
) -> None:
    """Make the example project where it is not there yet, serve it, and print a tour to follow with curl."""
    place = folder or platformdirs.user_data_path("sojourn", appauthor=False) / "shop"
    if not (place / "sojourn.toml").exists():
        shutil.copytree(EXAMPLE, place, dirs_exist_ok=True)
        write_types(place / "scripts")
    read = _read(place, host, port, None)
    set_up_logging(read.settings.log, None)
    script = asyncio.run(_prepare(read, _schema(read)))
    note(f"The example project is in {place}")
    _leave(serve_project(read, on_ready=lambda: print(f"\n{script}\n{END}", flush=True)))


def _leave(code: int) -> None:
    if code:
        raise typer.Exit(code)


async def _prepare(project: Project, schema: str) -> str:
    """Fresh passwords and a fresh API key for the example; gives the tour that uses them."""
    await install(project.settings)
    async with Engine.open(project, recover=False) as engine:
        first, second = [await _fresh_guest(engine, name) for name in _GUESTS]
        realm = engine.realm(_REALM)
        try:
            await engine.rules.api_keys.revoke(realm, _KEY, actor=ACTOR)
        except ApiKeyUnknown:
            note("first start of the example")
        key = (await engine.rules.api_keys.add(_KEY, realm, actor=ACTOR)).text
        await _make_tables(engine, schema)
    return tour(project.settings.server.public_url, key, first, second, project.settings.project.absolute())


def _schema(project: Project) -> str:
    """The statements that make the tables of the example; a project of an older version has no file for them."""
    file = project.settings.project / "schema.sql"
    return file.read_text("utf-8") if file.is_file() else ""


async def _make_tables(engine: Engine, schema: str) -> None:
    backend = await engine.databases.named()
    if "shop_order" in await backend.tables():
        return
    author = Author(user_key=ANONYMOUS_KEY, user_name=ACTOR)
    for statement in split(schema, backend.dialect):
        await define(backend, statement, author, engine.rules.clock.now())


async def _fresh_guest(engine: Engine, name: str) -> Guest:
    users, password = engine.rules.users, secrets.token_urlsafe(18)
    known = await users.find("main", name)
    if known is None:
        await users.add("main", name, password, actor=ACTOR)
        for scope in _SCOPES:
            await engine.rules.grants.grant(name, scope, engine.realm(_REALM).id, actor=ACTOR)
    else:
        await engine.rules.passwords.set(HOST, known.key, password)
    return Guest(name, password)


def _read(folder: Path, host: str | None, port: int | None, workers: int | None) -> Project:
    given = {"server.host": host, "server.port": port, "server.workers": workers}
    return load_project(folder, os.environ, {name: str(value) for name, value in given.items() if value is not None})


def _report(project: Project) -> None:
    for problem in project.notes:
        if problem.severity == "warning":
            note(str(problem))
