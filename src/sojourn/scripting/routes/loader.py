"""From the files in ``routes/`` to routes; every problem of every file at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from sojourn.config.binding import bind
from sojourn.config.documents import Document, read_into
from sojourn.config.problems import Problem
from sojourn.config.project import Project
from sojourn.model.scope import RouteScope, parse_route_scope
from sojourn.scripting.routes.linter import Given, action_of, lint, lint_together, path_of, size_of
from sojourn.scripting.routes.model import ANY_ORIGIN, RouteDef
from sojourn.scripting.routes.spec import RouteSetShape, RouteShape, given

FOLDER = "routes"


def read_routes(project: Project, problems: list[Problem]) -> Sequence[RouteDef]:
    """The routes of the files in ``routes/``, in the order in which they are looked at.

    Errors, warnings and notes go to ``problems``; a route with an error is none.
    """
    folder = project.settings.project
    files = sorted(path for path in (folder / FOLDER).glob("*") if path.suffix in (".yaml", ".yml") and path.is_file())
    routes = [route for path in files for route in read_file(path, project, problems)]
    routes.sort(key=lambda route: route.rank)
    problems.extend(lint_together(routes, project))
    return routes


def read_file(path: Path, project: Project, problems: list[Problem]) -> Sequence[RouteDef]:
    """The routes of one file that have no error; ``problems`` gets what is wrong."""
    document = read_into(path, project.settings.project, problems)
    if document is None:
        return ()
    routes = bind(document, (), RouteSetShape, problems)
    if routes is None:
        return ()
    return list(_compiled(document, routes, project, problems))


def _compiled(
    document: Document, routes: RouteSetShape, project: Project, problems: list[Problem]
) -> Iterator[RouteDef]:
    for place, shape in enumerate(routes.routes):
        one = Given(document, place, shape, routes, project)
        found = list(lint(one))
        # What is said for the whole file is told once.
        problems.extend(problem for problem in found if problem not in problems)
        if not any(problem.severity == "error" for problem in found):
            yield _route(one, shape, routes)


def _route(one: Given, shape: RouteShape, routes: RouteSetShape) -> RouteDef:
    order = one.place if shape.order is None else shape.order
    methods = (shape.method,) if isinstance(shape.method, str) else shape.method
    script = shape.script if shape.controller is None else shape.controller
    assert script is not None
    path = path_of(shape)
    return RouteDef(
        path=path,
        methods=frozenset(methods),
        realm=given("realm", shape, routes, ""),
        script=script,
        action=None if shape.controller is None else action_of(shape, path),
        requires_auth=given("requires_auth", shape, routes, otherwise=False),
        scope=_scope(given("scope", shape, routes, "")),
        principals=frozenset(given("principals", shape, routes, ("account",))),
        allowed_origins=frozenset(given("allowed_origins", shape, routes, (ANY_ORIGIN,))),
        html=given("html", shape, routes, otherwise=False),
        touch=given("touch", shape, routes, otherwise=True),
        max_request_size=size_of(given("max_request_size", shape, routes, "5MB")),
        debug=given("debug", shape, routes, otherwise=False),
        before=given("before", shape, routes, ()),
        after=given("after", shape, routes, ()),
        rank=(routes.order, one.document.file, order, one.place),
        file=one.document.file,
        line=one.line,
    )


def _scope(words: str | Sequence[str]) -> RouteScope | None:
    text = words if isinstance(words, str) else " ".join(words)
    return parse_route_scope(text) if text.strip() else None
