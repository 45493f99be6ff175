"""YAML 1.2 with the line of every value, reduced to what JSON can hold.

Tags, anchors and aliases are refused: a project file says what it means in place, and cannot blow up while it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from sojourn.config.numbers import check_length, exact
from sojourn.config.positions import MAX_DEPTH, Fault, Malformed, Parsed, Path, Place, stands_twice

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_OCTAL = re.compile(r"0o([0-7]+)")
_HEX = re.compile(r"0x([0-9a-fA-F]+)")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_yaml(text: str) -> Parsed:
    """The value that ``text`` spells, None when it is empty; raises :class:`Malformed`."""
    builder = _Builder(_events(text))
    return Parsed(builder.document(), builder.places, builder.faults)


def _events(text: str) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Malformed(mark.line + 1 if mark else 1, f"not valid YAML: {error.problem or error.context}") from None
    except YAMLError as error:
        raise Malformed(1, f"not valid YAML: {str(error).splitlines()[0]}") from None
    except (ValueError, OverflowError, IndexError, TypeError, AttributeError, AssertionError, KeyError):
        # ruamel's scanner lets such errors of its own escape for some damaged escapes and directives.
        raise Malformed(1, "not valid YAML") from None


class _Builder:
    def __init__(self, events: Iterator[Event]) -> None:
        self.places: dict[Path, Place] = {}
        self.faults: list[Fault] = []
        self._events = events

    def document(self) -> Any:
        value: Any = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise Malformed(_line(event), "a file holds one YAML document")
                value = self._value(next(self._events), (), 0)
        return value

    def _value(self, event: Event, path: Path, key_line: int) -> Any:
        line = _line(event)
        self.places[path] = Place(line, key_line or line)
        if len(path) > MAX_DEPTH:
            raise Malformed(line, f"nested deeper than {MAX_DEPTH}")
        self._refuse_sharing(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event) if isinstance(event, ScalarEvent) else None

    def _mapping(self, path: Path) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise Malformed(_line(event), "a key is a text")
            self._refuse_sharing(event)
            key: str = event.value
            if key in members:
                self.faults.append(Fault(_line(event), stands_twice(key, self.places[*path, key].key)))
            members[key] = self._value(next(self._events), (*path, key), _line(event))
        return members

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._value(event, (*path, len(items)), 0))
        return items

    def _scalar(self, event: ScalarEvent) -> Any:
        text: str = event.value
        if event.style is not None:
            return text
        try:
            return _plain(text)
        except ValueError as error:
            self.faults.append(Fault(_line(event), str(error)))
            return None

    def _refuse_sharing(self, event: Event) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            self.faults.append(Fault(_line(event), "anchors (&) and aliases (*) are not used in project files"))
        elif getattr(event, "tag", None) is not None:
            self.faults.append(Fault(_line(event), "tags (!) are not used in project files"))


def _line(event: Event) -> int:
    line: int = event.start_mark.line + 1
    return line


def _plain(text: str) -> Any:
    """A scalar without quotes, by the core schema of YAML 1.2."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _DECIMAL.fullmatch(text):
        return exact(text)
    for pattern, base in ((_OCTAL, 8), (_HEX, 16)):
        if match := pattern.fullmatch(text):
            check_length(match[1])
            return int(match[1], base)
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("NaN and infinities have no JSON form; put the text in quotes")
    return text
