"""Statements of authors that change the schema: as the role that owns it and nothing else."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import psycopg
from psycopg import pq
from sqlalchemy import Connection

from sojourn.data.errors import DatabaseUnavailable, StatementRefused
from sojourn.data.lexer import Lexed
from sojourn.data.postgres.faults import of_authors
from sojourn.data.postgres.names import APPLICATION, SYSTEM, quoted

# What would take a table away from the engine, change its rows by itself, or make it forget them.
_REFUSED: Final = frozenset(
    {
        ("OWNER", "TO"),
        ("SET", "SCHEMA"),
        ("SET", "UNLOGGED"),
        ("ROW", "LEVEL"),
        ("REPLICA", "IDENTITY"),
        *((act, what) for act in ("ENABLE", "DISABLE") for what in ("TRIGGER", "RULE", "REPLICA", "ALWAYS", "ROW")),
    }
)

_BACK: Final = f"SET LOCAL ROLE NONE; SET LOCAL search_path = {SYSTEM}, {APPLICATION}, pg_temp"


def check_words(lexed: Lexed) -> None:
    """Raise ``StatementRefused`` for what no author may do to a table."""
    words = [token.text.upper() if token.kind == "word" else "" for token in lexed.tokens]
    for pair in pairwise(words):
        if pair in _REFUSED:
            raise StatementRefused(f"a statement of an author may not {' '.join(pair)}")


def define(connection: Connection, lexed: Lexed, owner: str) -> None:
    """Run one statement as ``owner``, by the protocol that takes one only. Raises what :func:`of_authors` makes."""
    path = f"SET LOCAL ROLE {quoted(owner)}; SET LOCAL search_path = {APPLICATION}, pg_temp"
    connection.exec_driver_sql(path.replace("%", "%%"))
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        result = driver.pgconn.exec_params(lexed.sql.encode(), None)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable from error
    if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        raise of_authors(psycopg.errors.error_from_result(result))
    connection.exec_driver_sql(_BACK)
