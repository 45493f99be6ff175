"""SQL of authors taken into tokens: enough to see that it is one statement, what kind, and where its parameters stand.

Nothing here makes SQL safe to run: that is for the rights of the connection. It follows what SQLite and PostgreSQL do
with quotes and comments exactly, for where the two readings differ a text could hide something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Final, Literal, NamedTuple

from sojourn.data.errors import BadStatement

Dialect = Literal["sqlite", "postgresql"]

#: ``word`` stands without quotes, ``name`` in those of identifiers; ``parameter`` is ``?`` or ``:name``.
TokenKind = Literal["word", "name", "string", "number", "parameter", "foreign", "mark"]

#: Characters of a statement.
LONGEST: Final = 1_000_000

#: Statements whose tokens are remembered.
_REMEMBERED = 512

_LETTER = r"A-Za-z_\x80-\U0010ffff"
_STRING = r"'(?:[^']|'')*'"
_ESCAPED = r"'(?:[^'\\]|''|\\.)*'"
_COMMON = rf"""
    (?P<blank>[ \t\n\r\f]+ | --{{comment}}* | /\*(?:[^*/]|\*(?!/)|/(?!\*))*\*/)
  | (?P<string>{{strings}})
  | (?P<name>{{names}})
  | (?P<cast>:: | :=)
  | (?P<parameter>\?(?![0-9]) | :[{_LETTER}][{_LETTER}0-9]*)
  | (?P<foreign>\?[0-9]+ | {{foreign}})
  | (?P<number>[0-9][{_LETTER}0-9.]*)
  | (?P<word>[{_LETTER}][{_LETTER}0-9$]*)
  | (?P<mark>(?!/\*){{marks}})
"""
_NAME = r'"(?:[^"]|"")*"'
_PATTERNS: Final[Mapping[Dialect, str]] = {
    "sqlite": _COMMON.format(
        strings=_STRING,
        names=rf"{_NAME} | `(?:[^`]|``)*` | \[[^\]]*\]",
        foreign=r"[@$#][A-Za-z0-9_]+",
        comment=r"[^\n]",
        marks=r"[^'\"`\[$\0]",
    ),
    "postgresql": _COMMON.format(
        # A string goes on behind a line break, in the same way of reading.
        strings=rf"[eE]{_ESCAPED}(?:[ \t\f\r]*\n[ \t\n\f\r]*{_ESCAPED})* | {_STRING}"
        rf" | \$(?P<tag>(?:[{_LETTER}][{_LETTER}0-9]*)?)\$.*?\$(?P=tag)\$",
        names=_NAME,
        foreign=r"\$[0-9]+",
        comment=r"[^\n\r]",
        marks=r"[^'\"`$\0]",
    ),
}


class Token(NamedTuple):
    """A piece of a statement."""

    kind: TokenKind
    #: As it stands there; of a ``name`` without its quotes.
    text: str
    start: int
    end: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of these key words (given in capitals)."""
        return self.kind == "word" and self.text.upper() in words


class Lexed(NamedTuple):
    """One statement."""

    sql: str
    tokens: Sequence[Token]

    @property
    def first(self) -> str:
        """Its first word in capitals, empty when it begins with something else."""
        return self.tokens[0].text.upper() if self.tokens and self.tokens[0].kind == "word" else ""


@lru_cache(_REMEMBERED)
def lex(sql: str, dialect: Dialect) -> Lexed:
    """The tokens of a single statement, without a semicolon at its end; raises ``BadStatement``."""
    if len(sql) > LONGEST:
        raise BadStatement(f"a statement has at most {LONGEST} characters")
    tokens = list(_tokens(sql, dialect))
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    if not tokens:
        raise BadStatement("there is no statement")
    if any(token.text == ";" and token.kind == "mark" for token in tokens):
        raise BadStatement("only one statement at a time")
    return Lexed(sql[: tokens[-1].end], tuple(tokens))


def split(text: str, dialect: Dialect) -> list[str]:
    """The statements of a text, each ended by a semicolon or by the text's end; raises ``BadStatement``."""
    found: list[str] = []
    start = end = -1
    for token in _tokens(text, dialect):
        if token.kind != "mark" or token.text != ";":
            start, end = token.start if start < 0 else start, token.end
        elif start >= 0:
            found.append(text[start:end])
            start = -1
    return found if start < 0 else [*found, text[start:end]]


@cache
def _lexer(dialect: Dialect) -> re.Pattern[str]:
    """Made at its first use: it takes long, and most starts of an engine need none."""
    return re.compile(_PATTERNS[dialect], re.VERBOSE | re.DOTALL)


def _tokens(sql: str, dialect: Dialect) -> Iterator[Token]:
    lexer, position = _lexer(dialect), 0
    while position < len(sql):
        found = lexer.match(sql, position)
        if found is None:
            raise BadStatement(f"something is not closed, or is not SQL, at character {position + 1}")
        start, position = position, found.end()
        match found.lastgroup:
            case "blank":
                continue
            case "cast":
                yield Token("mark", found[0], start, position)
            case "name":
                yield Token("name", _unquoted(found[0]), start, position)
            case "string" | "tag":
                yield Token("string", found[0], start, position)
            case kind:
                yield Token(kind, found[0], start, position)  # type: ignore[arg-type]


def _unquoted(name: str) -> str:
    quote = name[-1]
    inner = name[1:-1]
    return inner if quote == "]" else inner.replace(quote * 2, quote)
