"""What a route must keep, each rule by itself; and what two routes must not say together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from sojourn.config.documents import Document
from sojourn.config.problems import Problem, Severity, nearest, shown
from sojourn.config.project import Project
from sojourn.config.sizes import BadSize, parse_size
from sojourn.core.errors import BadScope, SojournError
from sojourn.model.file_path import BadPath, FileKey, parse_reference
from sojourn.model.scope import parse_route_scope
from sojourn.scripting.routes.model import ANY_ORIGIN, Action, RouteDef
from sojourn.scripting.routes.paths import BadRoutePath, RoutePath, parse_path
from sojourn.scripting.routes.spec import RouteSetShape, RouteShape, Script, given

MAX_REQUEST_SIZE: Final = 100_000_000

#: What an action may be called with besides the parameters of its path.
OBJECTS: Final = ("request", "response", "session")

_ACTION = re.compile(r"(?P<name>[A-Za-z_$][\w$]{0,99})\s*(?:\((?P<arguments>[\w\s,$]*)\))?", re.ASCII)
_NULL: Final = "null"


class BadAction(SojournError):
    """The action of the route cannot be called."""

    code = "route.bad_action"


class Given(NamedTuple):
    """What a rule looks at: one route where it stands."""

    document: Document
    place: int
    shape: RouteShape
    routes: RouteSetShape
    project: Project

    @property
    def line(self) -> int:
        """Where the route begins."""
        return self.document.line(("routes", self.place, "path"))

    def problem(self, key: str, message: str, *step: int, severity: Severity = "error") -> Problem:
        """A problem of ``key``, wherever it is said: in the route, or for the whole file."""
        own: tuple[str | int, ...] = ("routes", self.place)
        if key in self.document.data["routes"][self.place]:
            own = (*own, key, *step)
        elif key in self.document.data:
            own = (key, *step)
        return self.document.problem(own, message, severity=severity)


_Rule = Callable[[Given], Iterator[Problem]]


def lint(one: Given) -> Iterator[Problem]:
    """All that is wrong with one route, and what is odd about it."""
    for rule in _RULES:
        yield from rule(one)


def lint_together(routes: Sequence[RouteDef], project: Project) -> Iterator[Problem]:
    """Routes that are never reached, in the order in which they are looked at."""
    hosts = {name: realm.config.hosts for name, realm in project.realms.items()}
    for later, route in enumerate(routes):
        for other in routes[:later]:
            ours, theirs = hosts.get(route.realm), hosts.get(other.realm)
            apart = ours is not None and theirs is not None and not {*ours} & {*theirs}
            if apart or (theirs is not None and ours is None) or not other.path.covers(route.path):
                continue
            taken = route.methods & other.methods
            if taken and route.path.shape == other.path.shape:
                words = f"{'/'.join(sorted(taken))} {route.path.text} is declared twice, it is also in"
                yield Problem(route.file, route.line, f"{words} {other.file}:{other.line}")
                break
            if route.methods <= other.methods:
                words = (
                    f"{route.path.text} is never reached: {other.path.text} of {other.file}:{other.line} comes first"
                )
                yield Problem(route.file, route.line, words, "warning")
                break


def path_of(shape: RouteShape) -> RoutePath:
    """The path of a route; raises ``BadRoutePath``."""
    return parse_path(shape.path)


def action_of(shape: RouteShape, path: RoutePath) -> Action:
    """What is called of the controller; raises :class:`BadAction`."""
    if not shape.action:
        return Action("", OBJECTS)
    found = _ACTION.fullmatch(shape.action.strip())
    if found is None:
        raise BadAction(f"action {shown(shape.action)} is none: write method(request, parameter)")
    arguments = tuple(word.strip() for word in (found["arguments"] or "").split(",") if word.strip())
    known = {*OBJECTS, *path.names}
    for word in arguments:
        if word not in known:
            raise BadAction(
                f"action has the argument {word!r}, which is no parameter of the path{nearest(word, known)}"
            )
    return Action(found["name"], arguments)


def size_of(size: str | int) -> int:
    """A size in bytes; raises ``BadSize``."""
    return size if isinstance(size, int) else parse_size(size)


def _realm(one: Given) -> Iterator[Problem]:
    name = given("realm", one.shape, one.routes, None)
    if name is None:
        yield one.problem("realm", "missing key 'realm': in the route, or for the whole file")
    elif name not in one.project.realms:
        yield one.problem("realm", f"there is no realm {shown(name)}{nearest(name, one.project.realms)}")


def _one_script(one: Given) -> Iterator[Problem]:
    shape = one.shape
    if (shape.script is None) == (shape.controller is None):
        yield one.problem("script", "a route has either a script or a controller")
    if shape.action and shape.controller is None:
        yield one.problem("action", "action belongs to a controller")


def _path_and_action(one: Given) -> Iterator[Problem]:
    try:
        path = path_of(one.shape)
    except BadRoutePath as error:
        yield one.problem("path", error.message)
        return
    try:
        action_of(one.shape, path)
    except BadAction as error:
        yield one.problem("action", error.message)


def _scripts(one: Given) -> Iterator[Problem]:
    for key in ("script", "controller"):
        yield from _script(one, key, getattr(one.shape, key))
    for key in ("before", "after"):
        for place, reference in enumerate(given(key, one.shape, one.routes, ())):
            yield from _script(one, key, reference, place)


def _script(one: Given, key: str, reference: Script | None, *step: int) -> Iterator[Problem]:
    if reference is None:
        return
    try:
        place = parse_reference(reference)
    except BadPath as error:
        yield one.problem(key, f"{shown(str(reference))}: {error.message}", *step)
        return
    if isinstance(place, FileKey):
        return
    if place.system == "ufs" and not exists(one.project, place.uri.removeprefix("ufs:/")):
        yield one.problem(key, f"there is no script {shown(str(reference))}", *step)
    owner, realm = place.names[0] if place.names else "", given("realm", one.shape, one.routes, None)
    if owner in one.project.realms and owner != realm:
        yield one.problem(key, f"{shown(str(reference))} belongs to realm {owner!r}", *step)


def exists(project: Project, path: str) -> bool:
    """Whether a root of ``ufs:`` has a file at this escaped path, without a slash before it."""
    names = [unquote(name) for name in path.split("/")]
    roots = (project.settings.project / root for root in project.settings.scripts.roots)
    return any(_is_file(root, names) for root in roots)


def _is_file(root: Path, names: Sequence[str]) -> bool:
    try:
        return root.joinpath(*names).is_file()
    except OSError:
        return False


def _scope(one: Given) -> Iterator[Problem]:
    words = given("scope", one.shape, one.routes, "")
    try:
        scope = parse_route_scope(words if isinstance(words, str) else " ".join(words))
    except BadScope as error:
        yield one.problem("scope", error.message)
        return
    if (scope.some or scope.every) and not given("requires_auth", one.shape, one.routes, otherwise=False):
        message = "without requiresAuth no Authorization is looked at: only who is logged in by the session has a scope"
        yield one.problem("scope", message, severity="warning")


def _principals(one: Given) -> Iterator[Problem]:
    principals = given("principals", one.shape, one.routes, None)
    if principals is None:
        return
    if not principals:
        yield one.problem("principals", "nobody could use the route")
    elif not given("requires_auth", one.shape, one.routes, otherwise=False):
        yield one.problem("principals", "principals has no effect without requiresAuth", severity="warning")


def _origins(one: Given) -> Iterator[Problem]:
    origins = given("allowed_origins", one.shape, one.routes, (ANY_ORIGIN,))
    if ANY_ORIGIN in origins and len(origins) > 1:
        yield one.problem("allowedOrigins", "'*' stands alone: it allows every origin")
    for place, origin in enumerate(origins):
        if origin not in (ANY_ORIGIN, _NULL) and not _is_origin(origin):
            yield one.problem(
                "allowedOrigins", f"{shown(origin)} is no origin: https://host, as browsers write it", place
            )


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return f"{parts.scheme}://{parts.netloc}" == text.lower() == text and "@" not in text and bool(parts.hostname)
    except ValueError:
        return False


def _size(one: Given) -> Iterator[Problem]:
    try:
        size = size_of(given("max_request_size", one.shape, one.routes, "5MB"))
    except BadSize as error:
        yield one.problem("maxRequestSize", error.message)
        return
    if not 0 < size <= MAX_REQUEST_SIZE:
        yield one.problem("maxRequestSize", f"maxRequestSize is 1 to {MAX_REQUEST_SIZE} bytes")


_RULES: Sequence[_Rule] = (_realm, _one_script, _path_and_action, _scripts, _scope, _principals, _origins, _size)
