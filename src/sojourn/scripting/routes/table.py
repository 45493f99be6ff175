"""All routes of a project, and how a request finds its own: the first that fits, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sojourn.config.problems import ConfigError, Problem
from sojourn.config.project import Project
from sojourn.scripting.routes.loader import read_routes
from sojourn.scripting.routes.model import RouteDef
from sojourn.scripting.routes.paths import segments_of


class Match(NamedTuple):
    """The route that answers a request."""

    route: RouteDef
    #: The texts that its parameters stand for, not converted yet.
    texts: dict[str, str]


class Found(NamedTuple):
    """What there is at a path."""

    #: None when none of the routes there takes the method.
    match: Match | None
    #: The first route there by method, HEAD and OPTIONS as their routes say.
    methods: Mapping[str, RouteDef]


class RouteTable:
    """The routes of all realms; immutable once built."""

    def __init__(
        self,
        routes: Sequence[RouteDef] = (),
        hosts: Mapping[str, frozenset[str]] | None = None,
        notes: Sequence[Problem] = (),
    ) -> None:
        """``hosts``: the host names of the realms that answer only there."""
        #: Warnings and notes of the files.
        self.notes = tuple(notes)
        self._routes = tuple(sorted(routes, key=lambda route: route.rank))
        self._hosts = hosts or {}
        words = {route.path.segments[0].name for route in self._routes if _begins_fixed(route)}
        #: By the first word of a path those that may fit; the empty one is for all other words.
        self._by_word = {word: self._beginning(word) for word in words}
        self._others = self._beginning(None)

    def routes(self) -> Sequence[RouteDef]:
        """All of them, in the order in which they are looked at."""
        return self._routes

    def find(self, path: str, method: str, host: str) -> Found | None:
        """What answers at ``path`` (percent-decoded) on ``host``; None when there is no route.

        Where all routes that fit are of realms that answer on other hosts only, the first of them is found: its realm
        says so.
        """
        parts = segments_of(path)
        if parts is None:
            return None
        known = self._by_word.get(parts[0], self._others) if parts else self._others
        fitting = [Match(route, texts) for route in known if (texts := route.path.match(parts)) is not None]
        if not fitting:
            return None
        here = [match for match in fitting if self._answers(match.route.realm, host)] or fitting[:1]
        chosen = next((match for match in here if match.route.takes(method)), None)
        methods: dict[str, RouteDef] = {}
        for match in here:
            for name in sorted(match.route.methods):
                methods.setdefault(name, match.route)
        return Found(chosen, methods)

    def _beginning(self, word: str | None) -> Sequence[RouteDef]:
        return [route for route in self._routes if not _begins_fixed(route) or route.path.segments[0].name == word]

    def _answers(self, realm: str, host: str) -> bool:
        hosts = self._hosts.get(realm)
        return hosts is None or host in hosts or host.rpartition(":")[0] in hosts


def _begins_fixed(route: RouteDef) -> bool:
    return bool(route.path.segments) and route.path.segments[0].kind == "fixed"


#: No routes at all.
NO_ROUTES = RouteTable()


def check_routes(project: Project) -> Sequence[Problem]:
    """Everything that can be said about the routes of ``project``: errors, warnings and notes."""
    return _read(project)[1]


def load_routes(project: Project) -> RouteTable:
    """All routes of ``project``; raises :class:`ConfigError` with the errors of all files at once."""
    routes, problems = _read(project)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise ConfigError(errors)
    return RouteTable(routes, realm_hosts(project), problems)


def realm_hosts(project: Project) -> Mapping[str, frozenset[str]]:
    """The host names, in lower case, of the realms that answer only there."""
    named = {name: realm.config.hosts for name, realm in project.realms.items()}
    return {name: frozenset(host.lower() for host in hosts) for name, hosts in named.items() if hosts is not None}


def _read(project: Project) -> tuple[Sequence[RouteDef], Sequence[Problem]]:
    problems: list[Problem] = []
    routes = read_routes(project, problems)
    return routes, sorted(problems)
