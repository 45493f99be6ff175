"""All pipelines of a project, and how a request finds its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from sojourn.config.problems import ConfigError, Problem
from sojourn.config.project import Project
from sojourn.model.file_path import FilePath, parse_reference
from sojourn.pipelines.components.script import Script
from sojourn.pipelines.loader import read_plans
from sojourn.pipelines.model import WEB, Plan, walk
from sojourn.pipelines.routes import Route, RouteTaken, RouteTree
from sojourn.scripting.routes.linter import exists

_NO_PARAMS: Mapping[str, str] = {}


class Match(NamedTuple):
    """The pipeline that a path leads to."""

    plan: Plan
    path_params: Mapping[str, str]


class _Version:
    """The pipelines of one realm under one major version."""

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.by_name: dict[str, Match] = {}
        self.routes: RouteTree[Plan] = RouteTree()


class Deployment:
    """The plans of all realms; immutable once built."""

    def __init__(self, plans: Sequence[Plan], notes: Sequence[Problem] = ()) -> None:
        """Raises :class:`ConfigError` for names or routes that two of ``plans`` claim."""
        #: Warnings and notes of the files.
        self.notes = tuple(notes)
        self._plans = tuple(plans)
        self._versions: dict[tuple[str, int], _Version] = {}
        problems = [problem for plan in plans for problem in self._add(plan)]
        if problems:
            raise ConfigError(problems)

    def plans(self) -> Sequence[Plan]:
        """All plans, in the order of their files."""
        return self._plans

    def match(self, realm: str, major: int, path: str) -> Match | None:
        """The pipeline at ``path`` below ``/pipeline/{realm}/v{major}/``: by its name, else by a route; None = none."""
        version = self._versions.get((realm, major))
        if version is None:
            return None
        named = version.by_name.get(path)
        if named is not None:
            return named
        found = version.routes.find(path)
        return Match(found.value, found.params) if found else None

    def _add(self, plan: Plan) -> list[Problem]:
        version = self._versions.setdefault((plan.realm, plan.major), _Version())
        taken = version.plans.setdefault(plan.name, plan)
        if taken is not plan:
            message = f"pipeline {plan.name!r} v{plan.major} of realm {plan.realm!r} is also in {taken.file}"
            return [Problem(plan.file, plan.line, message)]
        if plan.trigger.type not in WEB:
            return []
        version.by_name[plan.name] = Match(plan, _NO_PARAMS)
        routes = (Route((plan.name,), plan.line), *plan.trigger.routes)
        return [problem for route in routes for problem in _add_route(version.routes, route, plan)]


def _add_route(routes: RouteTree[Plan], route: Route, plan: Plan) -> list[Problem]:
    try:
        routes.add(route.segments, plan)
    except RouteTaken as taken:
        where = taken.value.file if isinstance(taken.value, Plan) else ""
        message = f"route {route.path!r} is declared twice, it is also in {where}"
        return [Problem(plan.file, route.line, message)]
    return []


def check_pipelines(project: Project) -> Sequence[Problem]:
    """Everything that can be said about the pipelines of ``project``: errors, warnings and notes."""
    return _read(project)[1]


def load_pipelines(project: Project) -> Deployment:
    """All pipelines of ``project``; raises :class:`ConfigError` with the errors of all files at once."""
    deployment, problems = _read(project)
    if deployment is None:
        raise ConfigError(problem for problem in problems if problem.severity == "error")
    return deployment


def _scripts(project: Project, plan: Plan) -> Iterator[Problem]:
    """The steps whose script is not on disk; what the engine database has is known when it is run."""
    for step in walk(plan.flow):
        params = step.bound.params
        place = parse_reference(params.script) if isinstance(params, Script) else None
        if (
            isinstance(place, FilePath)
            and place.system == "ufs"
            and not exists(project, place.uri.removeprefix("ufs:/"))
        ):
            message = f"step {step.name!r}: there is no script {place.uri}"
            yield Problem(step.file, step.line, message)


def _read(project: Project) -> tuple[Deployment | None, Sequence[Problem]]:
    problems: list[Problem] = []
    plans = read_plans(project.settings.project, project.realms, problems)
    problems.extend(problem for plan in plans for problem in _scripts(project, plan))
    try:
        deployment = Deployment(plans, sorted(problems))
    except ConfigError as clash:
        problems.extend(clash.problems)
    if any(problem.severity == "error" for problem in problems):
        return None, sorted(problems)
    return deployment, sorted(problems)
