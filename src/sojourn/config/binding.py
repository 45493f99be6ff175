"""From a document to a typed value: a Struct declares the keys, and everything that does not fit is said at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT
from msgspec.structs import FieldInfo

from sojourn.config.documents import Document
from sojourn.config.positions import Path
from sojourn.config.problems import Problem, nearest, shown

T = TypeVar("T", bound=msgspec.Struct)

_SEQUENCES = (list, tuple, set, frozenset, Sequence)
_MAPPINGS = (dict, Mapping)
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[([0-9]+)\]")
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_QUOTED = re.compile(r"`([^`]*)`")
_WORDS = {
    "array": "a list",
    "bool": "true or false",
    "decimal": "a number with a fraction",
    "float": "a number",
    "int": "a whole number",
    "null": "nothing",
    "object": "a mapping",
    "str": "a text",
}


def bind(document: Document, path: Sequence[str | int], struct_type: type[T], problems: list[Problem]) -> T | None:
    """The mapping at ``path`` as a ``struct_type``; None, and all that is wrong in ``problems``, when it is not one."""
    value = value_at(document, path)
    before = len(problems)
    _Check(document, problems).value(value, tuple(path), struct_type)
    return msgspec.convert(value, struct_type) if len(problems) == before else None


def valid_members(
    document: Document, path: Sequence[str | int], struct_type: type[msgspec.Struct], problems: list[Problem]
) -> dict[str, Any]:
    """The members of the mapping at ``path`` that fit ``struct_type``, as written; the others go to ``problems``.

    Members that are missing are no problem here: another file may have them.
    """
    value = value_at(document, path)
    if isinstance(value, dict):
        return _Check(document, problems).members(value, tuple(path), struct_type)
    problems.append(document.problem(path, f"{label(path)}expected a mapping"))
    return {}


def fits(value: Any, annotation: Any, *, text: bool = False) -> str:
    """What is wrong with a single ``value``, empty when it fits; with ``text`` numbers may be spelled in a text."""
    try:
        msgspec.convert(value, annotation, strict=not text)
    except msgspec.ValidationError as error:
        return _reworded(str(error).partition(" - at `")[0], annotation, value)
    return ""


def value_at(document: Document, path: Sequence[str | int]) -> Any:
    """The value at ``path``, which must be there."""
    value = document.data
    for step in path:
        value = value[step]
    return value


@lru_cache(maxsize=256)
def members_of(struct_type: type[msgspec.Struct]) -> Mapping[str, FieldInfo]:
    """The fields of a Struct by their names in files."""
    return {field.encode_name: field for field in msgspec.structs.fields(struct_type)}


def label(path: Sequence[str | int]) -> str:
    """How ``path`` is called before a message: ``flow[2].params: ``; empty for the root."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return f"{text.removeprefix('.')[:200]}: " if text else ""


class _Check:
    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self._document = document
        self._problems = problems

    def value(self, value: Any, path: Path, annotation: Any) -> None:
        """Look into containers first; a container whose parts all fit is then judged as a whole."""
        before = len(self._problems)
        shape = _shape(annotation, value)
        if isinstance(value, dict) and _is_struct(shape):
            self.members(value, path, shape)
            self._missing(value, path, shape)
        else:
            for step, item, expected in _items(value, shape):
                self.value(item, (*path, step), expected)
        if len(self._problems) == before:
            self._whole(value, path, annotation)

    def members(self, value: dict[str, Any], path: Path, struct_type: type[msgspec.Struct]) -> dict[str, Any]:
        """The members that fit."""
        known = members_of(struct_type)
        valid = {}
        for name, item in value.items():
            before = len(self._problems)
            if name in known:
                self.value(item, (*path, name), known[name].type)
            elif name != struct_type.__struct_config__.tag_field:
                message = f"{label(path)}unknown key {shown(name)}{nearest(name, known)}"
                line = self._document.line((*path, name), key=True)
                self._problems.append(Problem(self._document.file, line, message))
            if len(self._problems) == before:
                valid[name] = item
        return valid

    def _missing(self, value: dict[str, Any], path: Path, struct_type: type[msgspec.Struct]) -> None:
        for name, field in members_of(struct_type).items():
            if field.default is NODEFAULT and field.default_factory is NODEFAULT and name not in value:
                self._problems.append(self._document.problem(path, f"{label(path)}missing key {name!r}"))

    def _whole(self, value: Any, path: Path, annotation: Any) -> None:
        try:
            msgspec.convert(value, annotation)
        except msgspec.ValidationError as error:
            message, _, where = str(error).partition(" - at `")
            path = (*path, *(name or int(index) for name, index in _STEP.findall(where)))
            self._problems.append(self._document.problem(path, f"{label(path)}{_reworded(message, annotation, value)}"))


def _is_struct(shape: Any) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(shape, type) and issubclass(shape, msgspec.Struct)


def _shape(annotation: Any, value: Any) -> Any:
    """The one alternative of ``annotation`` that a container like ``value`` is meant for."""
    found = [option for option in _alternatives(annotation) if _container_for(option, value)]
    if len(found) > 1:
        found = [option for option in found if _is_struct(option) and _tagged(option, value)]
    return found[0] if found else None


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for option in get_args(annotation):
            yield from _alternatives(option)
    else:
        yield annotation


def _container_for(option: Any, value: Any) -> bool:
    origin = get_origin(option)
    if isinstance(value, dict):
        return _is_struct(option) or origin in _MAPPINGS
    return isinstance(value, list) and origin in _SEQUENCES


def _tagged(option: type[msgspec.Struct], value: Mapping[str, Any]) -> bool:
    config = option.__struct_config__
    return config.tag_field is not None and value.get(config.tag_field) == config.tag


def _items(value: Any, shape: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """The parts of a list or mapping with what each of them should be."""
    arguments = get_args(shape)
    if isinstance(value, dict) and get_origin(shape) in _MAPPINGS:
        for name, item in value.items():
            yield name, item, arguments[1]
    elif isinstance(value, list) and get_origin(shape) in _SEQUENCES:
        for index, item in enumerate(value):
            yield index, item, arguments[0]


def _reworded(message: str, annotation: Any, value: Any) -> str:
    """The validator's message in the words of a person who writes these files."""
    if message.startswith("Invalid enum value"):
        return _none_of(str(value), list(_literals(annotation)))
    if message.startswith("Invalid value") and (tags := _tags(annotation)):
        return _none_of(str(value.get(tags[0][0])), [tag for _, tag in tags])
    if match := _MISSING.fullmatch(message):
        return f"missing key {match[1]!r}"
    message = message[:1].lower() + _QUOTED.sub(lambda match: _in_words(match[1]), message[1:])
    if message.startswith("expected a text, got") and not isinstance(value, dict | list | NoneType):
        return f"{message}; put it in quotes"
    return message


def _none_of(word: str, words: list[str]) -> str:
    return f"{shown(word)} is none of {', '.join(map(repr, words))}{nearest(word, words)}"


def _in_words(types: str) -> str:
    names = [name for name in types.split(" | ") if name != "null"] or ["null"]
    return " or ".join(_WORDS.get(name, name) for name in names)


def _literals(annotation: Any) -> Iterator[str]:
    for option in _alternatives(annotation):
        if get_origin(option) is Literal:
            yield from map(str, get_args(option))
        elif isinstance(option, type) and issubclass(option, Enum):
            yield from (str(member.value) for member in option)


def _tags(annotation: Any) -> list[tuple[str, str]]:
    """Tag field and tag of every tagged Struct among the alternatives."""
    configs = [option.__struct_config__ for option in _alternatives(annotation) if _is_struct(option)]
    return [(config.tag_field, str(config.tag)) for config in configs if config.tag_field is not None]
