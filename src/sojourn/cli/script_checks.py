"""``sojourn scripts check``: what is wrong with the scripts and the routes of a project."""

from __future__ import annotations

import os
from collections.abc import Sequence

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.engine import with_engine
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply
from sojourn.cli.projects import described
from sojourn.config.problems import Problem
from sojourn.config.project import load_project
from sojourn.model.file_path import FilePath, parse_reference
from sojourn.scripting.checking import check_scripts
from sojourn.scripting.routes.table import check_routes


def add_to(app: typer.Typer) -> None:
    """Add the command to the others."""
    app.command()(check)


@refusals
def check(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Parse every script of the project on its runtime, look for the modules that it requires, and check the routes; run nothing.

    One problem a line as file:line: message; exit code 1 when any is an error.
    """
    read = load_project(project, os.environ)

    async def work(engine: Engine) -> Sequence[Problem]:
        found = await check_scripts(engine.scripts)
        return [problem._replace(file=_on_disk(engine, problem.file)) for problem in found]

    found = sorted({*check_routes(read), *with_engine(read, work, deploy=False)})
    errors = [problem for problem in found if problem.severity == "error"]
    document = {"problems": [described(problem) for problem in found], "ok": not errors}
    reply(as_json, document, "\n".join([str(problem) for problem in found] or ["no problems found"]))
    if errors:
        note(f"{len(errors)} error{'s' if len(errors) > 1 else ''}")
        raise typer.Exit(1)


def _on_disk(engine: Engine, uri: str) -> str:
    """A file as people look for it: one on disk by its path in the project."""
    place = parse_reference(uri)
    settings = engine.rules.settings
    if isinstance(place, FilePath) and place.system == "ufs":
        for root, folder in zip(settings.scripts.roots, settings.script_roots, strict=True):
            if folder.joinpath(*place.names).exists():
                return "/".join((root.rstrip("/"), *place.names))
    return uri
