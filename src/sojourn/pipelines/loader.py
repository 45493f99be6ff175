"""From pipeline files to plans; every problem of every file at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sojourn.config.binding import bind
from sojourn.config.documents import Document, read_into
from sojourn.config.problems import ConfigError, Problem, nearest, shown
from sojourn.config.project import Project, RealmFolder
from sojourn.pipelines.lint_local import local_fields
from sojourn.pipelines.linter import lint
from sojourn.pipelines.model import Plan, walk
from sojourn.pipelines.spec import PipelineShape
from sojourn.pipelines.steps import compile_flow
from sojourn.pipelines.triggers import compile_trigger

FOLDER = "pipelines"


def read_plans(project: Path, realms: Mapping[str, RealmFolder], problems: list[Problem]) -> list[Plan]:
    """The plans of the files in ``pipelines/`` of the folder ``project``, in the order of their names.

    Errors, warnings and notes go to ``problems``; a file with an error gives no plan.
    """
    folder = project / FOLDER
    files = sorted(path for path in folder.glob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
    plans = (read_plan(path, project, realms, problems) for path in files)
    return [plan for plan in plans if plan is not None]


def read_plan(path: Path, project: Path, realms: Mapping[str, RealmFolder], problems: list[Problem]) -> Plan | None:
    """The plan of one file; None when there is an error among the ``problems`` that it adds."""
    document = read_into(path, project, problems)
    return None if document is None else compile_plan(document, realms, problems)


def load_plan(path: Path, project: Project) -> Plan:
    """The plan of one file; raises :class:`ConfigError` with all its errors."""
    problems: list[Problem] = []
    plan = read_plan(path, project.settings.project, project.realms, problems)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors or plan is None:
        raise ConfigError(errors)
    return plan


def compile_plan(document: Document, realms: Mapping[str, RealmFolder], problems: list[Problem]) -> Plan | None:
    """The plan that ``document`` describes; None when there is an error among the ``problems`` that it adds."""
    found: list[Problem] = []
    shape = bind(document, (), PipelineShape, found)
    plan = None
    if shape is not None:
        realm = realms.get(shape.realm)
        if realm is None:
            message = f"there is no realm {shown(shape.realm)}{nearest(shape.realm, realms)}"
            found.append(document.problem(("realm",), message))
        plan = _plan(document, shape, found)
        if realm is not None:
            found.extend(lint(plan, realm.config))
    broken = any(problem.severity == "error" for problem in found)
    if plan is not None and not broken:
        # Only of a whole flow can be said what it never stores.
        found.extend(local_fields(plan))
    problems.extend(found)
    return None if broken else plan


def _plan(document: Document, shape: PipelineShape, problems: list[Problem]) -> Plan:
    major, minor = map(int, shape.version.split("."))
    if shape.durable:
        problems.append(document.problem(("durable",), "durable is not in effect in this version", severity="note"))
    flow = compile_flow(document, ("flow",), shape.flow, problems)
    return Plan(
        name=shape.pipeline,
        realm=shape.realm,
        major=major,
        minor=minor,
        trigger=compile_trigger(document, shape.trigger, shape.pipeline, problems),
        flow=flow,
        file=document.file,
        line=document.line(("pipeline",)),
        metadata={
            "name": shape.pipeline,
            "description": shape.description,
            "realm": shape.realm,
            "versionMajor": major,
            "versionMinor": minor,
        },
        waits=any(step.bound.params.waits for step in walk(flow)),
    )
