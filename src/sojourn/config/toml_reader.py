"""TOML by tomllib, and beside it the line of every key, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from sojourn.config.positions import Malformed, Parsed, Path, Place

_TOKEN = re.compile(
    r'''(?P<text>"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:\'{0,2})|"(?:\\.|[^"\\\n])*"|'[^'\n]*')
      | (?P<comment>\#[^\n]*)
      | (?P<newline>\n)
      | (?P<mark>[\[\]{}=,.])
      | (?P<bare>[^\s\[\]{}=,.\#"']+)
      | [ \t]+''',
    re.VERBOSE | re.DOTALL,
)
_AT = re.compile(r"(?P<what>.*) \(at (?:line (?P<line>[0-9]+), column [0-9]+|end of document)\)", re.DOTALL)


def read_toml(text: str) -> Parsed:
    """The table that ``text`` spells; raises :class:`Malformed`."""
    text = text.replace("\r\n", "\n")
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except RecursionError:
        raise Malformed(1, "not valid TOML: nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise _malformed(text, str(error)) from None
    return Parsed(data, _Scanner(text).places(), [])


def _malformed(text: str, message: str) -> Malformed:
    match = _AT.fullmatch(message)
    if match is None:
        return Malformed(1, f"not valid TOML: {message or 'a value that cannot be read'}")
    last = text.rstrip("\n").count("\n") + 1
    return Malformed(int(match["line"] or last), f"not valid TOML: {match['what'].rstrip('.')}")


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


class _Scanner:
    """Walks over a text that tomllib has accepted; what stands inside inline tables gets no line of its own."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._places: dict[Path, Place] = {(): Place(1, 1)}

    def places(self) -> dict[Path, Place]:
        table: Path = ()
        for token in self._tokens:
            if token.kind == "newline":
                continue
            if token.text == "[" and token.kind == "mark":
                table = self._header(token.line)
            else:
                self._pair(table, token)
        return self._places

    def _header(self, line: int) -> Path:
        parts: list[str] = []
        for token in self._tokens:
            if token.kind == "newline":
                break
            if token.kind != "mark":
                parts.append(_key(token))
        self._note(tuple(parts), line, line)
        return tuple(parts)

    def _pair(self, table: Path, token: _Token) -> None:
        parts = [_key(token)]
        for part in self._tokens:
            if part.text == "=" and part.kind == "mark":
                break
            if part.kind != "mark":
                parts.append(_key(part))
        value = next(self._tokens)
        path = (*table, *parts)
        self._note(path, value.line, token.line)
        self._value(path, value)

    def _value(self, path: Path, token: _Token) -> None:
        """Skip a value; items of an outermost array are noted."""
        opened: list[str] = []
        item = 0
        while token.kind != "newline" or opened:
            mark = token.text if token.kind == "mark" else ""
            if opened == ["["] and (mark or token.kind) not in ("]", ",", "newline"):
                self._places.setdefault((*path, item), Place(token.line, token.line))
            if mark and mark in "[{":
                opened.append(mark)
            elif mark and mark in "]}":
                opened.pop()
            elif mark == "," and opened == ["["]:
                item += 1
            following = next(self._tokens, None)
            if following is None:
                return
            token = following

    def _note(self, path: Path, value: int, key: int) -> None:
        for length in range(1, len(path)):
            self._places.setdefault(path[:length], Place(key, key))
        self._places[path] = Place(value, key)


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup not in (None, "comment"):
            yield _Token(match.lastgroup or "", match[0], line)
        line += match[0].count("\n")


def _key(token: _Token) -> str:
    if token.kind == "bare":
        return token.text
    (name,) = tomllib.loads(f"{token.text} = 0")
    return str(name)
