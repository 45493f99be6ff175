"""JSON with the line of every value. Nothing but JSON: no comments, no trailing commas, no single quotes."""

from __future__ import annotations

import json
import re
from typing import Any

from sojourn.config.numbers import exact
from sojourn.config.positions import MAX_DEPTH, Fault, Malformed, Parsed, Path, Place, stands_twice

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<mark>[\[\]{}:,])
    | (?P<text>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")
    | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![0-9A-Za-z.+-]))
    | (?P<word>true|false|null)(?![0-9A-Za-z])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)
_AFTER_WORD = re.compile(r"[ \t\r\n]")
_BLANK = re.compile(r"[ \t\r\n]*")
_WORDS = {"true": True, "false": False, "null": None}


def read_json(text: str) -> Parsed:
    """The value that ``text`` spells; raises :class:`Malformed`."""
    reader = _Reader(text)
    value = reader.value((), 0)
    reader.expect("end", "", "nothing more after the value")
    return Parsed(value, reader.places, reader.faults)


class _Reader:
    def __init__(self, text: str) -> None:
        self.places: dict[Path, Place] = {}
        self.faults: list[Fault] = []
        self._text = text
        self._at = 0
        self._line = 1
        self._kind = ""
        self._token = ""
        self._next()

    def value(self, path: Path, depth: int, key_line: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise Malformed(self._line, f"nested deeper than {MAX_DEPTH}")
        self.places[path] = Place(self._line, key_line or self._line)
        if self._is("{"):
            return self._object(path, depth)
        if self._is("["):
            return self._array(path, depth)
        return self._scalar()

    def expect(self, kind: str, token: str, wanted: str) -> None:
        if self._kind != kind or (token and self._token != token):
            raise Malformed(self._line, f"not valid JSON: expected {wanted}, found {self._found()}")
        if kind != "end":
            self._next()

    def _object(self, path: Path, depth: int) -> dict[str, Any]:
        self._next()
        members: dict[str, Any] = {}
        while not (self._is("}") and not members):
            line = self._line
            if self._kind != "text":
                raise Malformed(line, f"not valid JSON: expected a key in double quotes, found {self._found()}")
            key = self._scalar()
            if key in members:
                self.faults.append(Fault(line, stands_twice(key, self.places[*path, key].key)))
            self.expect("mark", ":", "':' after the key")
            members[key] = self.value((*path, key), depth + 1, line)
            if self._is("}"):
                break
            self.expect("mark", ",", "',' or '}'")
        self._next()
        return members

    def _array(self, path: Path, depth: int) -> list[Any]:
        self._next()
        items: list[Any] = []
        while not (self._is("]") and not items):
            items.append(self.value((*path, len(items)), depth + 1))
            if self._is("]"):
                break
            self.expect("mark", ",", "',' or ']'")
        self._next()
        return items

    def _scalar(self) -> Any:
        kind, token, line = self._kind, self._token, self._line
        if kind not in ("text", "number", "word"):
            raise Malformed(line, f"not valid JSON: expected a value, found {self._found()}")
        self._next()
        if kind == "word":
            return _WORDS[token]
        return _text(token, line) if kind == "text" else _number(token, line)

    def _is(self, mark: str) -> bool:
        return self._kind == "mark" and self._token == mark

    def _next(self) -> None:
        match = _TOKEN.match(self._text, self._at)
        blank = _BLANK.match(self._text, self._at)
        start = blank.end() if blank else self._at
        self._line += self._text.count("\n", self._at, start)
        if match is None or match.lastgroup is None:
            raise Malformed(self._line, f"not valid JSON: {_unexpected(self._text[start : start + 20])}")
        self._kind, self._token, self._at = match.lastgroup, match[match.lastgroup], match.end()

    def _found(self) -> str:
        return "the end of the file" if self._kind == "end" else repr(self._token[:20])


def _text(token: str, line: int) -> str:
    value: str = json.loads(token)
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise Malformed(line, "not valid JSON: half of a surrogate pair")
    return value


def _number(token: str, line: int) -> Any:
    try:
        return exact(token)
    except ValueError as error:
        raise Malformed(line, str(error)) from None


def _unexpected(text: str) -> str:
    if text.startswith(("//", "/*", "#")):
        return "JSON has no comments"
    if text.startswith('"'):
        return "a text that is not closed on its line, or has a bad escape"
    return f"unexpected {_AFTER_WORD.split(text, maxsplit=1)[0]!r}"
