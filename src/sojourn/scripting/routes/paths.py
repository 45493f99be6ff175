"""Paths of routes: ``/orders/:id<number>/lines/*rest``, matched segment by segment, with values of the types they name."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from sojourn.core.errors import BadRequest, SojournError
from sojourn.scripting.values import Value

#: Longest path of a route, in segments, and longest path that is looked at, in characters.
MAX_SEGMENTS: Final = 20
MAX_PATH: Final = 8_000

Kind = Literal["fixed", "string", "number", "date", "boolean", "rest"]

_FIXED = re.compile(r"[A-Za-z0-9._~!$&'()+,;=@-]{1,100}")
_PARAM = re.compile(r":(?P<name>[A-Za-z_][A-Za-z0-9_]{0,99})(?:<(?P<type>[^>]*)>)?")
_REST = re.compile(r"\*(?P<name>[A-Za-z_][A-Za-z0-9_]{0,99})?")
_TYPES: Final[tuple[Kind, ...]] = ("string", "number", "date", "boolean")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_LONGEST_NUMBER = 40
_DOTS = frozenset({".", ".."})

#: What the engine answers itself, or leaves to the admin listener.
OWN: Final = ("/pipeline", "/realms", "/health", "/console", "/metrics", "/api/v1", "/api/openapi.json")


class BadRoutePath(SojournError):
    """The path of the route cannot be used."""

    code = "route.bad_path"


class BadPathParameter(BadRequest):
    """A part of the path is not what the route expects."""

    code = "route.bad_parameter"


class Segment(NamedTuple):
    """One part of a path."""

    kind: Kind
    #: The fixed word, or the name of the parameter; empty for a rest without a name.
    name: str


class RoutePath(NamedTuple):
    """A path as a route declares it."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def shape(self) -> tuple[str, ...]:
        """What it matches, without the names of its parameters: two paths of one shape match the same requests."""
        return tuple(
            part.name if part.kind == "fixed" else ("*" if part.kind == "rest" else ":") for part in self.segments
        )

    @property
    def fixed(self) -> bool:
        """Whether it has no parameters."""
        return all(part.kind == "fixed" for part in self.segments)

    @property
    def names(self) -> frozenset[str]:
        """Names of its parameters."""
        return frozenset(part.name for part in self.segments if part.kind != "fixed" and part.name)

    def match(self, parts: Sequence[str]) -> dict[str, str] | None:
        """The texts of the parameters when ``parts``, the segments of a path, fit; else None."""
        found: dict[str, str] = {}
        for place, (kind, name) in enumerate(self.segments):
            if kind == "rest":
                found[name] = "/".join(parts[place:])
                return found
            if place >= len(parts) or (parts[place] != name if kind == "fixed" else not parts[place]):
                return None
            if kind != "fixed":
                found[name] = parts[place]
        return found if len(parts) == len(self.segments) else None

    def covers(self, other: RoutePath) -> bool:
        """Whether every path that ``other`` matches is matched by this one too."""
        for place, (kind, name) in enumerate(self.segments):
            if kind == "rest":
                return True
            theirs = other.segments[place] if place < len(other.segments) else None
            if theirs is None or theirs.kind == "rest" or (kind == "fixed" and theirs != (kind, name)):
                return False
        return len(self.segments) == len(other.segments)

    def values(self, texts: dict[str, str]) -> dict[str, Value]:
        """``texts`` converted; raises :class:`BadPathParameter`."""
        return {
            part.name: _converted(part, texts[part.name]) for part in self.segments if part.name in texts and part.name
        }


def parse_path(text: str) -> RoutePath:
    """A route's path; raises :class:`BadRoutePath`."""
    if not text.startswith("/"):
        raise BadRoutePath(f"path {text[:60]!r} does not begin with /")
    words = text.removeprefix("/").split("/")
    if len(words) > MAX_SEGMENTS:
        raise BadRoutePath(f"path {text[:60]!r}… has more than {MAX_SEGMENTS} segments")
    segments = tuple(
        _segment(text, word, last=place == len(words) - 1) for place, word in enumerate(words) if text != "/"
    )
    names = [part.name for part in segments if part.kind != "fixed" and part.name]
    if len(set(names)) != len(names):
        raise BadRoutePath(f"path {text!r} has a parameter twice")
    if any(text == own or text.startswith(f"{own}/") for own in OWN):
        raise BadRoutePath(f"path {text!r} belongs to the engine")
    return RoutePath(text, segments)


def segments_of(path: str) -> Sequence[str] | None:
    """The segments of the path of a request; None for one that no route can have.

    Those are the engine's own and such as climb: nothing is made of ``..`` but a refusal.
    """
    if (
        not path.startswith("/")
        or len(path) > MAX_PATH
        or any(path == own or path.startswith(f"{own}/") for own in OWN)
    ):
        return None
    parts = path[1:].split("/") if path != "/" else []
    return None if not _DOTS.isdisjoint(parts) or "\0" in path else parts


def _segment(text: str, word: str, *, last: bool) -> Segment:
    param, rest = _PARAM.fullmatch(word), _REST.fullmatch(word)
    if rest is not None:
        if not last:
            raise BadRoutePath(f"path {text!r} goes on after {word!r}, which takes all the rest")
        return Segment("rest", rest["name"] or "")
    if param is not None:
        kind = param["type"] if param["type"] is not None else "string"
        found = next((known for known in _TYPES if known == kind), None)
        if found is None:
            raise BadRoutePath(f"path {text!r} has a parameter of type {kind[:40]!r}; types are {', '.join(_TYPES)}")
        return Segment(found, param["name"])
    if _FIXED.fullmatch(word) is None or word in _DOTS:
        raise BadRoutePath(f"path {text!r} has a segment {word[:100]!r} that is no word, no :name and no *rest")
    return Segment("fixed", word)


def _converted(part: Segment, text: str) -> Value:
    if part.kind == "number":
        return _number(part.name, text)
    if part.kind == "date":
        return _date(part.name, text)
    if part.kind == "boolean":
        if text not in _TRUE + _FALSE:
            raise BadPathParameter(f"{part.name} is true, 1, false or 0")
        return text in _TRUE
    return text


def _number(name: str, text: str) -> Value:
    value = float(text) if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise BadPathParameter(f"{name} is not a number")
    return int(value) if value.is_integer() else value


def _date(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        # As in JavaScript, a date alone and a time without a zone are UTC here.
        whole = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadPathParameter(f"{name} is not a date as ISO 8601 writes it") from None
    return whole.replace(microsecond=whole.microsecond // 1_000 * 1_000)
