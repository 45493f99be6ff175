"""Which functions the SQL of authors may call: those that only compute.

The rights of the reader do not keep anybody from functions that PostgreSQL opens to all: advisory locks, notifications,
settings, large objects, sleeping, ending other statements, SQL in a text. So a statement is looked through first. A
function may be called when it is one of PostgreSQL's own that can change nothing and reads no SQL text, one of a short
list, or one that an operator has put into the schema of the application and that changes nothing. All names that begin
with ``pg_`` are PostgreSQL's own and closed, relations too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sojourn.data.errors import StatementRefused
from sojourn.data.lexer import Lexed, Token
from sojourn.data.postgres.names import APPLICATION, literal

#: They are volatile, and still only compute.
_HARMLESS: Final = (
    "array_sample",
    "array_shuffle",
    "bernoulli",
    "clock_timestamp",
    "gen_random_uuid",
    "random",
    "random_normal",
    "system",
    "timeofday",
    "uuidv4",
    "uuidv7",
)

#: They change nothing, and still show or do more than compute.
_CLOSED: Final = "^(binary_upgrade_|current_setting$|get_raw_page|inet_|query_|txid_|.*_to_xml)|_to_xmlschema$"

#: Which of the names belong to a function that is closed. Names of aggregates and types that are no functions pass.
LOOK: Final = f"""\
SELECT DISTINCT f.proname::text FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
 WHERE f.proname = ANY (CAST($1 AS text[])) AND NOT (
    n.nspname IN ('pg_catalog', {literal(APPLICATION)}) AND f.proname !~ {literal(_CLOSED)}
    AND (f.provolatile <> 'v' OR (n.nspname = 'pg_catalog' AND f.proname IN ({", ".join(map(literal, _HARMLESS))}))))
"""  # noqa: S608 - our own words

_OWN = re.compile("pg_", re.IGNORECASE)
_TYPEOF = "pg_typeof"


class Calls:
    """Remembers names that were looked at and are no closed function."""

    #: Names that are remembered, for a while: an operator may add functions.
    _MOST = 5_000

    def __init__(self) -> None:
        self._open: set[str] = set()

    def check(self, lexed: Lexed, look: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Raise ``StatementRefused`` when ``lexed`` calls what is closed; ``look`` answers :data:`LOOK`."""
        _check_words(lexed.tokens)
        wanted = set(_called(lexed.tokens)) - self._open
        if not wanted:
            return
        closed = look(sorted(wanted))
        if closed:
            raise StatementRefused(f"a statement may not call {', '.join(sorted(closed))}")
        if len(self._open) > self._MOST:
            self._open.clear()
        self._open |= wanted

    def forget(self) -> None:
        """Look at every name again."""
        self._open.clear()


def _check_words(tokens: Sequence[Token]) -> None:
    for place, token in enumerate(tokens):
        if token.kind not in ("word", "name"):
            continue
        if _OWN.match(token.text) and token.text.lower() != _TYPEOF:
            raise StatementRefused(f"{token.text[:63]} belongs to PostgreSQL itself")
        following = tokens[place + 1] if place + 1 < len(tokens) else None
        if token.is_word("U") and following is not None and following.text == "&" and following.start == token.end:
            raise StatementRefused('write a text or name with its characters themselves, not as U&"…"')


def _called(tokens: Sequence[Token]) -> Iterator[str]:
    """Names that are called: ``name(…)``, and ``(value).name``, which calls a function too."""
    for place, token in enumerate(tokens):
        if token.kind not in ("word", "name"):
            continue
        after = tokens[place + 1].text if place + 1 < len(tokens) and tokens[place + 1].kind == "mark" else ""
        before = tokens[place - 1].text if place and tokens[place - 1].kind == "mark" else ""
        if after == "(" or before == ".":
            yield token.text if token.kind == "name" else token.text.lower()
