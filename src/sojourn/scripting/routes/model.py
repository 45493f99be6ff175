"""A route, ready to serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sojourn.model.scope import RouteScope
from sojourn.scripting.routes.paths import RoutePath
from sojourn.scripting.routes.spec import PrincipalKind, Script

ANY_ORIGIN = "*"


class Action(NamedTuple):
    """What of a controller is called, and with what."""

    #: Its method; empty for the module's function itself.
    name: str
    #: ``request``, ``response``, ``session``, or a parameter of the path.
    arguments: tuple[str, ...]


class RouteDef(NamedTuple):
    """One URL with the script that answers it."""

    path: RoutePath
    methods: frozenset[str]
    realm: str
    #: The script, or the module of the controller.
    script: Script
    #: None where the script is run as such.
    action: Action | None
    requires_auth: bool
    scope: RouteScope | None
    principals: frozenset[PrincipalKind]
    allowed_origins: frozenset[str]
    html: bool
    touch: bool
    #: In bytes.
    max_request_size: int
    debug: bool
    before: Sequence[Script]
    after: Sequence[Script]
    #: Where it comes in the search, the lowest first.
    rank: tuple[int, str, int, int]
    file: str
    line: int

    @property
    def any_origin(self) -> bool:
        """Whether pages of every origin may call it."""
        return ANY_ORIGIN in self.allowed_origins

    def takes(self, method: str) -> bool:
        """Whether it answers ``method``; who answers GET answers HEAD."""
        return method in self.methods or (method == "HEAD" and "GET" in self.methods)
