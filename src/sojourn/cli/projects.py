"""``sojourn init`` and ``sojourn check``."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sojourn.bootstrap import Engine, install
from sojourn.cli.engine import ACTOR
from sojourn.cli.output import JsonOption, note, refusals, reply
from sojourn.cli.script_types import write_types
from sojourn.config.problems import ConfigError, Problem
from sojourn.config.project import Project, load_project
from sojourn.config.scaffold import write_project
from sojourn.pipelines.deployment import check_pipelines
from sojourn.scripting.errors import RuntimeMissing
from sojourn.scripting.routes.table import check_routes
from sojourn.scripting.v8.spawn import find_deno

ADMINISTRATOR = "admin"

#: What only ``init`` gives: the right to give rights.
ROOT_SCOPE = "security.root"


@refusals
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new project; new or empty.")],
    as_json: JsonOption = False,
) -> None:
    """Make an empty, commented project and its administrator; the password is printed once."""
    write_project(folder)
    write_types(folder / "scripts")
    password = asyncio.run(_first_account(folder))
    made = {"project": str(folder.absolute()), "admin": ADMINISTRATOR, "password": password}
    text = (
        f"project    {made['project']}\nadmin      {ADMINISTRATOR}\npassword   {password}\n\n"
        f"The password is shown this once. Next: sojourn serve {folder}"
    )
    reply(as_json, made, text)


async def _first_account(folder: Path) -> str:
    project = load_project(folder, os.environ)
    await install(project.settings)
    password = secrets.token_urlsafe(18)
    async with Engine.open(project, recover=False) as engine:
        await engine.rules.users.add("main", ADMINISTRATOR, password, actor=ACTOR)
        await engine.rules.grants.grant(ADMINISTRATOR, ROOT_SCOPE, actor=ACTOR)
    return password


@refusals
def check(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The project's folder.")] = None,
    project: Annotated[Path, typer.Option("--project", metavar="DIR", help="The same.")] = Path(),
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with a project, one problem a line as file:line: message; exit code 1 when any is an error."""
    found = _problems(folder or project)
    errors = [problem for problem in found if problem.severity == "error"]
    document = {"problems": [described(problem) for problem in found], "ok": not errors}
    lines = [str(problem) for problem in found]
    reply(as_json, document, "\n".join(lines or ["no problems found"]))
    if errors:
        note(f"{len(errors)} error{'s' if len(errors) > 1 else ''}")
        raise typer.Exit(1)


def _problems(folder: Path) -> tuple[Problem, ...]:
    try:
        project = load_project(folder, os.environ)
    except ConfigError as error:
        return error.problems
    return tuple(sorted({*project.notes, *check_pipelines(project), *check_routes(project), *_runtimes(project)}))


def _runtimes(project: Project) -> Iterator[Problem]:
    """Realms whose runtime is not installed here: their scripts would not run, all else is served."""
    for realm in project.realms.values():
        if realm.config.runtime == "v8":
            try:
                find_deno()
            except RuntimeMissing as error:
                yield Problem(f"realms/{realm.name}", 0, error.message, "warning")


def described(problem: Problem) -> dict[str, Any]:
    """A problem as JSON."""
    return {
        "file": problem.file,
        "line": problem.line,
        "message": problem.message,
        "severity": problem.severity,
    }
