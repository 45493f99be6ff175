"""``sojourn pipelines``: list them, try one on a message, look at the components."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sojourn.cli.engine import PipelineUnknown
from sojourn.cli.output import HERE, JsonOption, ProjectOption, note, refusals, reply, reply_rows
from sojourn.config.project import Project, load_project
from sojourn.core.json import decode, encode_text
from sojourn.pipelines.component import parameters
from sojourn.pipelines.components import REGISTRY
from sojourn.pipelines.deployment import load_pipelines
from sojourn.pipelines.model import Plan
from sojourn.pipelines.reference import component_reference
from sojourn.pipelines.trial import Trace, test_run

app = typer.Typer(help="Pipelines: list, test, components.", no_args_is_help=True)


@app.command("list")
@refusals
def list_(
    realm: Annotated[str | None, typer.Option("--realm", metavar="R", help="Only of this realm.")] = None,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List the pipelines of a project."""
    plans = load_pipelines(load_project(project, os.environ)).plans()
    rows = [_described(plan) for plan in plans if realm in (None, plan.realm)]
    reply_rows(as_json, rows, ("path", "version", "methods", "apiKey", "tokenJwt", "steps", "file"))


@app.command()
@refusals
def test(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File of the pipeline.")],
    message: Annotated[
        str, typer.Option("--input", metavar="JSON", help="The first message, as it stands; - reads standard input.")
    ] = "{}",
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Run a pipeline on a message and print the message after every step; nothing outside of it is changed."""
    read = load_project(project, os.environ)
    plan = _plan_of(read, project, file)
    first = decode(sys.stdin.read() if message == "-" else message)
    trace = asyncio.run(test_run(plan, first, read.realms[plan.realm].globals))
    steps = [
        {"step": step.step, "component": step.component, "depth": step.depth, "message": step.message}
        for step in trace.steps
    ]
    document = {"steps": steps, "message": trace.message, "error": trace.error.message if trace.error else None}
    reply(as_json, document, _shown(trace))
    if trace.error:
        note(f"the flow ended with an error: {trace.error.message}")
        raise typer.Exit(1)


@app.command()
@refusals
def components(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One component with its parameters.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the components, or show one with its parameters and examples."""
    if name is not None and name not in REGISTRY:
        raise PipelineUnknown(f"there is no component {name!r}; there are {', '.join(sorted(REGISTRY))}")
    rows = [_component(found) for found in sorted(REGISTRY) if name in (None, found)]
    if name is not None and not as_json:
        reply(as_json, None, component_reference(name))
    else:
        reply_rows(as_json, rows, ("name", "since", "summary"))


def _plan_of(read: Project, folder: Path, file: Path) -> Plan:
    wanted = {file.absolute(), (folder / file).absolute(), (folder / "pipelines" / file).absolute()}
    for plan in load_pipelines(read).plans():
        if (read.settings.project / plan.file) in wanted:
            return plan
    raise PipelineUnknown(f"{file} is no pipeline of this project")


def _described(plan: Plan) -> dict[str, Any]:
    return {
        "path": f"/pipeline/{plan.realm}/v{plan.major}/{plan.name}",
        "name": plan.name,
        "realm": plan.realm,
        "version": plan.version,
        "trigger": plan.trigger.type,
        "methods": sorted(plan.trigger.methods),
        "apiKey": plan.trigger.api_key,
        "tokenJwt": plan.trigger.token_jwt,
        "requiredScopes": sorted(plan.trigger.required_scopes),
        "steps": len(plan.flow),
        "file": plan.file,
    }


def _component(name: str) -> dict[str, Any]:
    found = REGISTRY[name]
    return {
        "name": name,
        "since": found.since,
        "summary": found.doc.splitlines()[0],
        "parameters": [
            {"name": p.name, "type": p.type, "default": p.default, "description": p.description}
            for p in parameters(found.params)
        ],
    }


def _shown(trace: Trace) -> str:
    lines = [f"{'  ' * step.depth}{step.step} [{step.component}]: {encode_text(step.message)}" for step in trace.steps]
    return "\n".join([*lines, f"=> {encode_text(trace.message)}"])
