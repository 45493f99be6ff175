"""What the SQL of authors may do on SQLite: asked by SQLite itself for each thing that a statement names."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

from sojourn.data.definition import RESERVED
from sojourn.data.errors import StatementRefused
from sojourn.data.lexer import Lexed, Token
from sojourn.data.schema import PREFIX

#: What an authorizer is asked: act, two names, database, and the innermost view on whose account.
Authorizer = Callable[[int, str | None, str | None, str | None, str | None], int]

#: The engine database, attached read-only.
ENGINE: Final = "sojourn_engine"

#: Views of the system over the engine database.
ENGINE_VIEWS: Final = ("iGroupUser", "iGroupUserMember", "iGroupUserScope", "iVfs")

#: Functions that reach outside of the database, as far as they are compiled in.
_FUNCTIONS: Final = frozenset(
    {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", "lsmode", "sqlite_dbpage", "sqlite_log"}
)
#: Tables that are there without anybody having made them, and harmless.
HARMLESS: Final = frozenset({"json_each", "json_tree", "generate_series"})


class Reads:
    """For statements that read: an :data:`Authorizer`."""

    def __init__(self, modules: Iterable[str], engine: Iterable[str]) -> None:
        """``modules``: names of all virtual table modules of the library; ``engine``: those of the engine's tables."""
        self._closed = frozenset(map(str.lower, modules)) - HARMLESS
        self._engine = frozenset(map(str.lower, engine))
        #: Names of the tables and views of the application, in lower case; kept up to date by the connection.
        self.known: frozenset[str] = frozenset()
        #: Whether it is the connection itself that begins or ends its snapshot.
        self.own = False

    def __call__(self, act: int, one: str | None, two: str | None, database: str | None, view: str | None) -> int:
        """See :data:`Authorizer`."""
        if act in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if act == sqlite3.SQLITE_FUNCTION:
            return _allowed((two or "").lower() not in _FUNCTIONS)
        if act == sqlite3.SQLITE_READ:
            return _allowed(self._readable((one or "").lower(), database, (view or "").lower()))
        if act == sqlite3.SQLITE_TRANSACTION:
            return _allowed(self.own)
        return sqlite3.SQLITE_DENY

    def _readable(self, table: str, database: str | None, view: str) -> bool:
        if view in RESERVED:
            return True
        if database in (ENGINE, "temp"):
            return table in RESERVED
        if table.startswith((PREFIX, "sqlite_", "pragma_")) or table in self._closed:
            return False
        if database == "main":
            return True
        # Of a table without any column, as in count(*), SQLite does not say the database. A name that the application
        # does not have would be looked for in the engine database.
        return table in RESERVED or table in self.known or table not in self._engine


def _allowed(yes: bool) -> int:  # noqa: FBT001 - a plain translation
    return sqlite3.SQLITE_OK if yes else sqlite3.SQLITE_DENY


def check_names(lexed: Lexed) -> None:
    """Raise ``StatementRefused`` where a database of ours is named, or a WITH takes the name of a view of the system.

    SQLite tells an authorizer on whose account a column is read by name alone, and that may be the name of a WITH.
    """
    nothing = Token("mark", "", 0, 0)
    for token, second, third in zip(
        lexed.tokens, (*lexed.tokens[1:], nothing), (*lexed.tokens[2:], nothing, nothing), strict=False
    ):
        name = token.text.strip("'").lower()
        if token.kind not in ("word", "name", "string"):
            continue
        if name.startswith(PREFIX) and (token.kind != "string" or second.text == "."):
            raise StatementRefused(f"{token.text[:40]} is a name of the system")
        begins = second.text == "(" or (
            second.is_word("AS") and (third.text == "(" or third.is_word("NOT", "MATERIALIZED"))
        )
        if name in RESERVED and begins:
            raise StatementRefused(f"{token.text[:40]} is a name of the system")


def check_functions(lexed: Lexed) -> None:
    """Raise ``StatementRefused`` where a definition calls what reaches outside: a default is not looked at before an
    insert, which is ours.
    """
    for token in lexed.tokens:
        if token.kind in ("word", "name") and token.text.lower() in _FUNCTIONS:
            raise StatementRefused(f"{token.text} cannot be called")


_DROPS: Final = frozenset({sqlite3.SQLITE_DROP_TABLE, sqlite3.SQLITE_DROP_VIEW, sqlite3.SQLITE_DROP_INDEX})
_CREATES: Final = frozenset({sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_VIEW, sqlite3.SQLITE_CREATE_INDEX})
_WRITES: Final = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_UPDATE})
_CATALOG: Final = frozenset({"sqlite_master", "sqlite_temp_master", "sqlite_sequence"})
_ALWAYS: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_REINDEX})


class Definer:
    """For one statement that changes the schema: tables, indexes and views of the application, and no rows."""

    def __init__(self) -> None:
        self._dropped: set[str] = set()

    def __call__(self, act: int, one: str | None, two: str | None, database: str | None, _view: str | None) -> int:
        """See :data:`Authorizer`."""
        first, second = (one or "").lower(), (two or "").lower()
        if act in _CREATES or act in _DROPS:
            if act in _DROPS:
                self._dropped.add(first)
            return _allowed(database == "main" and _ours_not(first) and _ours_not(second))
        if act == sqlite3.SQLITE_ALTER_TABLE:
            return _allowed(first == "main" and _ours_not(second))
        if act in _WRITES:
            return _allowed(first in _CATALOG or first in self._dropped)
        if act == sqlite3.SQLITE_READ:
            return _allowed(first in _CATALOG or _ours_not(first))
        if act == sqlite3.SQLITE_FUNCTION:
            return _allowed(second not in _FUNCTIONS)
        return _allowed(act in _ALWAYS)


def _ours_not(name: str) -> bool:
    if name.startswith("sqlite_autoindex_"):
        return True
    return not name.startswith((PREFIX, "sqlite_")) and name not in RESERVED
