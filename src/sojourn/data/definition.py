"""Which statements may change the schema of the application: tables, indexes and views, and nothing that acts by itself.

A trigger, or a foreign key that deletes or changes rows of other tables, would change data without a row in the change
log; so neither is made here. What else a statement may do is decided by the rights under which it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from sojourn.data.changelog import Draft, append, next_version
from sojourn.data.errors import StatementRefused
from sojourn.data.lexer import Lexed, Token
from sojourn.data.port import Backend, Guard
from sojourn.data.schema import PREFIX
from sojourn.data.terms import Author

#: Names that belong to the system, in lower case.
RESERVED: Final = frozenset(
    {"ilog", "ilicense", "iapplicationsession", "igroupuser", "igroupusermember", "igroupuserscope", "ivfs"}
)

_KINDS: Final = (
    ("CREATE", "TABLE"),
    ("CREATE", "VIEW"),
    ("CREATE", "INDEX"),
    ("CREATE", "UNIQUE", "INDEX"),
    ("ALTER", "TABLE"),
    ("DROP", "TABLE"),
    ("DROP", "VIEW"),
    ("DROP", "INDEX"),
)
_ON_POSTGRESQL: Final = (("COMMENT", "ON"),)


async def define(backend: Backend, statement: str, author: Author, now: int, guard: Guard | None = None) -> int:
    """Change the schema, with a row in the change log; the version number of the change. Raises as ``Backend.define``."""

    def log(connection: Connection) -> int:
        version = next_version(connection)
        append(connection, author, [Draft("DDL", content=statement)], version, now)
        return version

    return await backend.define(statement, log, guard)


def check_definition(lexed: Lexed, *, comments: bool = False) -> None:
    """Raise ``StatementRefused`` unless the statement is one that an author may run; ``comments``: also COMMENT ON."""
    tokens = lexed.tokens
    words = [token.text.upper() if token.kind == "word" else "" for token in tokens]
    kinds = _KINDS + (_ON_POSTGRESQL if comments else ())
    if not any(tuple(words[: len(kind)]) == kind for kind in kinds):
        raise StatementRefused("the schema is changed by CREATE, ALTER and DROP of tables, indexes and views")
    for token in tokens:
        name = token.text.strip("'").lower()
        if token.kind in ("word", "name", "string") and (name.startswith(PREFIX) or name in RESERVED):
            raise StatementRefused(f"{token.text[:40]} is a name of the system")
    if _cascades(words):
        raise StatementRefused("a change of other rows by the database itself would have no row in the change log")
    if words[:2] == ["CREATE", "TABLE"] and "AS" in _first_level(tokens):
        raise StatementRefused("rows are written by applyUpdates: create the table without AS")


def _cascades(words: Sequence[str]) -> bool:
    if "CASCADE" in words:
        return True
    acts = zip(words, words[1:], words[2:], words[3:], strict=False)
    return any(on == "ON" and act in ("DELETE", "UPDATE") and what == "SET" for on, act, what, _ in acts)


def _first_level(tokens: Sequence[Token]) -> list[str]:
    depth, found = 0, []
    for token in tokens:
        if token.kind == "mark":
            depth += (token.text == "(") - (token.text == ")")
        elif token.kind == "word" and depth == 0:
            found.append(token.text.upper())
    return found
