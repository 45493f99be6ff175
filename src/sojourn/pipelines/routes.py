"""Routes of pipelines: paths with ``:param`` segments, found segment by segment."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from sojourn.core.errors import SojournError

T = TypeVar("T")

#: Longest route, in segments.
MAX_SEGMENTS: Final = 20

_FIXED = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=@-]{1,100}")
_PARAM = re.compile(r":[A-Za-z_][A-Za-z0-9_]{0,99}")


class BadRoute(SojournError):
    """The route cannot be used."""

    code = "pipeline.bad_route"


class RouteTaken(SojournError):
    """There is a route already that fits the same paths."""

    code = "pipeline.route_taken"

    def __init__(self, value: object) -> None:
        super().__init__()
        #: What that route leads to.
        self.value = value


class Route(NamedTuple):
    """A route as a pipeline file declares it."""

    segments: tuple[str, ...]
    line: int

    @property
    def path(self) -> str:
        """``/orders/:id``."""
        return "/".join(("", *self.segments))


def parse_route(text: str) -> tuple[str, ...]:
    """The segments of ``/orders/:id``; raises :class:`BadRoute`."""
    segments = tuple(text.removeprefix("/").split("/"))
    if segments[0].startswith(":"):
        raise BadRoute(f"route {text!r} starts with a parameter")
    if len(segments) > MAX_SEGMENTS:
        raise BadRoute(f"route {text[:60]!r}… has more than {MAX_SEGMENTS} segments")
    for segment in segments:
        if not (_PARAM if segment.startswith(":") else _FIXED).fullmatch(segment) or segment in (".", ".."):
            raise BadRoute(f"route {text!r} has a segment {segment!r} that is no word and no :name")
    params = [segment for segment in segments if segment.startswith(":")]
    if len(set(params)) != len(params):
        raise BadRoute(f"route {text!r} has a parameter twice")
    return segments


class Found(NamedTuple, Generic[T]):
    """A route that fits a path."""

    value: T
    params: dict[str, str]


class _Node(Generic[T]):
    """What may follow after some segments."""

    __slots__ = ("fixed", "leaf", "param")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node[T]] = {}
        self.param: _Node[T] | None = None
        #: A route that ends here, with the names of its parameters.
        self.leaf: tuple[T, tuple[str, ...]] | None = None


class RouteTree(Generic[T]):
    """Routes with their values; a fixed segment goes before a parameter."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def add(self, segments: Sequence[str], value: T) -> None:
        """Add a route; raises :class:`RouteTaken` when there is one that fits the same paths."""
        node = self._root
        for segment in segments:
            if segment.startswith(":"):
                node.param = node.param or _Node()
                node = node.param
            else:
                node = node.fixed.setdefault(segment, _Node())
        if node.leaf is not None:
            raise RouteTaken(node.leaf[0])
        node.leaf = (value, tuple(segment[1:] for segment in segments if segment.startswith(":")))

    def find(self, path: str) -> Found[T] | None:
        """The route that fits ``path`` (no slash before it), None when there is none."""
        parts = path.split("/")
        if len(parts) > MAX_SEGMENTS or "" in parts:
            return None
        return _find(self._root, parts, ())


def _find(node: _Node[T], parts: Sequence[str], values: tuple[str, ...]) -> Found[T] | None:
    if not parts:
        return None if node.leaf is None else Found(node.leaf[0], dict(zip(node.leaf[1], values, strict=True)))
    fixed = node.fixed.get(parts[0])
    found = _find(fixed, parts[1:], values) if fixed else None
    if found is None and node.param is not None:
        return _find(node.param, parts[1:], (*values, parts[0]))
    return found
