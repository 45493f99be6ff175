"""Which table a plain ``SELECT … FROM table`` reads, and which of its columns each column of the result is.

SQLite does not say it to this driver, so it is read off the statement: only where nothing but one table is named, and
only when no other value bears the name of one of its columns. Everything else has no known table. PostgreSQL says where
a column comes from, and is held to the same rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from sojourn.data.lexer import Lexed, Token
from sojourn.data.port import Table

#: Words of the first level after which a row is no row of the table any more.
_MIXING: Final = frozenset(
    {"DISTINCT", "GROUP", "HAVING", "UNION", "INTERSECT", "EXCEPT", "JOIN", "NATURAL", "CROSS", "WINDOW"}
)
_BEHIND: Final = frozenset({"WHERE", "ORDER", "LIMIT", "INDEXED", "NOT"})

#: What may stand before the name of a table of the application.
_SCHEMAS: Final = (["main", "."], ["application", "."])


class Origin(NamedTuple):
    """Where the rows of a result come from; empty where that is not one table."""

    table: str = ""
    key: str = ""


def origin(lexed: Lexed, names: Sequence[str], tables: Mapping[str, Table]) -> Origin:
    """The table of a statement whose result has columns of these ``names``."""
    outer = list(_first_level(lexed.tokens))
    words = {token.text.upper() for token in outer if token.kind == "word"}
    if lexed.first != "SELECT" or words & _MIXING or "FROM" not in words:
        return Origin()
    place = next(index for index, token in enumerate(outer) if token.is_word("FROM"))
    table, called = _named(outer[place + 1 :], tables)
    if table is None:
        return Origin()
    selected = [_column(item, table, called) for item in _items(outer[1:place])]
    columns = [name for item in selected for name in item]
    if len(columns) != len(names) or len(set(names)) != len(names):
        return Origin()
    known = {name.lower() for name in table.columns}
    if any(name != column and (column or name.lower() in known) for name, column in zip(names, columns, strict=True)):
        return Origin()
    return Origin(table.name, table.key if table.key in names else "")


def _first_level(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens outside of parentheses, an opening one standing for what it holds."""
    depth = 0
    for token in tokens:
        depth -= token.text == ")" and token.kind == "mark"
        if depth == 0:
            yield token
        depth += token.text == "(" and token.kind == "mark"


def _named(behind: Sequence[Token], tables: Mapping[str, Table]) -> tuple[Table | None, str]:
    """The table behind FROM and what it is called, when nothing else is there."""
    source = list(takewhile(lambda token: not token.is_word(*_BEHIND), behind))
    if [token.text.lower() for token in source[:2]] in _SCHEMAS:
        source = source[2:]
    if any(token.kind not in ("word", "name") for token in source):
        return None, ""
    match [token for token in source if not token.is_word("AS")]:
        case [token]:
            called = token.text
        case [token, alias]:
            called = alias.text
        case _:
            return None, ""
    found = next((table for name, table in tables.items() if name.lower() == token.text.lower()), None)
    return (None, "") if found is None or found.view else (found, called.lower())


def _items(selected: Sequence[Token]) -> Iterator[list[Token]]:
    item: list[Token] = []
    for token in [*selected, Token("mark", ",", 0, 0)]:
        if token.text == "," and token.kind == "mark":
            yield item
            item = []
        else:
            item.append(token)


def _column(item: list[Token], table: Table, called: str) -> Sequence[str]:
    """The columns of the table that an item of the list is, by name; one empty name for an expression."""
    if item and item[0].is_word("ALL"):
        item = item[1:]
    if [token.text.lower() for token in item[:2]] == [called, "."] and item[0].kind != "string":
        item = item[2:]
    if [token.text for token in item] == ["*"]:
        return list(table.columns)
    plain = [token for token in item if not token.is_word("AS")]
    if len(plain) in (1, 2) and all(token.kind in ("word", "name") for token in plain):
        wanted = plain[0].text.lower()
        found = next((name for name in table.columns if name.lower() == wanted), "")
        return [found if len(plain) == 1 or plain[1].text == found else ""]
    return [""]
