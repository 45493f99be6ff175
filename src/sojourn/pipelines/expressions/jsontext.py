"""JSON text with ``{{ … }}`` in it, read into pieces, so that what is rendered is JSON by construction.

An expression may stand where a value may, and then is inserted as JSON; inside a string or a key it is inserted as
text.
"""

from __future__ import annotations

import re

from sojourn.core.json import MAX_DEPTH, Json
from sojourn.pipelines.expressions.errors import ExpressionLimit
from sojourn.pipelines.expressions.parser import Hole, read_hole
from sojourn.pipelines.expressions.pieces import Piece, Place, constant, entries, inserted, items, text_of
from sojourn.pipelines.expressions.reader import Reader

_PLAIN = re.compile(r'[^"\\{\x00-\x1f]+')
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}
_WORD = re.compile("true|false|null")
_FIRST_PRINTABLE = " "


def read_json(text: str) -> Piece:
    """The template that ``text`` spells; raises :class:`ExpressionError`."""
    reader = Reader(text)
    piece = _value(reader, 0)
    reader.blanks()
    if not reader.ended:
        raise reader.error(f"not JSON: expected the end of the text, found {reader.found()}")
    return piece


def _value(reader: Reader, depth: int) -> Piece:
    reader.blanks()
    if reader.sees("{{"):
        return inserted(read_hole(reader), Place(reader.text, depth=depth))
    if _opens(reader, "{", depth):
        return _object(reader, depth)
    if _opens(reader, "[", depth):
        return _array(reader, depth)
    if reader.sees('"'):
        return text_of(_string(reader), Place(reader.text))
    return _scalar(reader)


def _opens(reader: Reader, sign: str, depth: int) -> bool:
    if not reader.take(sign):
        return False
    if depth >= MAX_DEPTH:
        raise ExpressionLimit(f"a template nests at most {MAX_DEPTH} deep").at(reader.text, reader.at)
    return True


def _scalar(reader: Reader) -> Piece:
    start = reader.at
    number = reader.number()
    if number is not None:
        return constant(number)
    if word := reader.match(_WORD):
        return constant(_WORDS[word])
    raise reader.error(f"not JSON: expected a value or an expression, found {reader.found()}", start)


def _array(reader: Reader, depth: int) -> Piece:
    pieces: list[Piece] = []
    while pieces or not reader.take("]"):
        pieces.append(_value(reader, depth + 1))
        if not _goes_on(reader, "]"):
            break
    return items(pieces)


def _object(reader: Reader, depth: int) -> Piece:
    pairs: list[tuple[Piece, Piece]] = []
    seen: set[Json] = set()
    while pairs or not reader.take("}"):
        key = _key(reader, seen)
        pairs.append((key, _value(reader, depth + 1)))
        if not _goes_on(reader, "}"):
            break
    return entries(pairs)


def _key(reader: Reader, seen: set[Json]) -> Piece:
    reader.blanks()
    start = reader.at
    if not reader.sees('"'):
        raise reader.error(f"not JSON: expected a key in double quotes, found {reader.found()}")
    key = text_of(_string(reader), Place(reader.text))
    if key.constant and key.value in seen:
        raise reader.error(f"not JSON: key {str(key.value)[:40]!r} stands twice", start)
    if key.constant:
        seen.add(key.value)
    if not reader.take(":"):
        raise reader.error(f"not JSON: expected ':', found {reader.found()}")
    return key


def _goes_on(reader: Reader, end: str) -> bool:
    if reader.take(","):
        return True
    if reader.take(end):
        return False
    raise reader.error(f"not JSON: expected ',' or '{end}', found {reader.found()}")


def _string(reader: Reader) -> list[str | Hole]:
    """Take a string of JSON: texts and holes, one after another."""
    start = reader.at
    parts: list[str | Hole] = []
    reader.at += 1
    while not reader.sees('"'):
        if reader.ended:
            raise reader.error("not JSON: this string has no closing quote", start)
        parts.append(read_hole(reader) if reader.sees("{{") else reader.match(_PLAIN) or _sign(reader))
    reader.at += 1
    return parts


def _sign(reader: Reader) -> str:
    if reader.text[reader.at] < _FIRST_PRINTABLE:
        raise reader.error("not JSON: a control character in a string is written as an escape")
    if reader.sees("\\'"):
        raise reader.error("not JSON: \\' is no escape")
    return reader.character()
