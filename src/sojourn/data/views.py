"""The views by which statements of authors see the system: with the names of the seed, nothing that is not theirs to see.

``iLog`` says what was changed, when, by whom and with which tag. What the records held, where a client came from and in
which session it was belongs to who may look at changes (:class:`sojourn.data.reading.ChangeLog`), and is not in it;
fields of sessions are not either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

# A note is a type, the key of a class and a content, with a line end between: no function of JSON is one that SQLite
# lets a view call where it does not trust the schema. A key that is a text stands in quotes, with a backslash before each
# quote and backslash in it.
_REST = "substr(made.content, instr(made.content, char(10)) + 1)"
_PLAIN = "substr(made.record, 2, length(made.record) - 2)"
_PG_REST = "substr(made.content, strpos(made.content, chr(10)) + 1)"

#: How each database says it: the key of a record as a number and as text, the parts of a note, day and time of an instant.
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {
        "key": "CASE WHEN made.record = '' OR substr(made.record, 1, 1) = '\"' THEN NULL "
        "ELSE CAST(made.record AS INTEGER) END",
        "text": "CASE WHEN made.record = '' THEN NULL WHEN substr(made.record, 1, 1) = '\"' "
        f"THEN replace(replace({_PLAIN}, '\\\"', '\"'), '\\\\', '\\') ELSE made.record END",
        "type": "substr(made.content, 1, instr(made.content, char(10)) - 1)",
        "class": f"CAST(NULLIF(substr({_REST}, 1, instr({_REST}, char(10)) - 1), '') AS INTEGER)",
        "content": f"substr({_REST}, instr({_REST}, char(10)) + 1)",
        "date": "date(made.at / 1000, 'unixepoch')",
        "hour": "time(made.at / 1000, 'unixepoch')",
    },
    "postgresql": {
        "key": "CASE WHEN made.record ~ '^-?[0-9]{1,18}$' THEN made.record::bigint END",
        "text": "CASE made.record WHEN '' THEN NULL ELSE made.record::jsonb #>> '{}' END",
        "type": "split_part(made.content, chr(10), 1)",
        "class": "NULLIF(split_part(made.content, chr(10), 2), '')::bigint",
        "content": f"substr({_PG_REST}, strpos({_PG_REST}, chr(10)) + 1)",
        "date": "(to_timestamp(made.at / 1000) AT TIME ZONE 'UTC')::date",
        "hour": "(to_timestamp(made.at / 1000) AT TIME ZONE 'UTC')::time",
    },
}

_LOG = """\
SELECT made.number AS "iNumber",
    CASE WHEN made.kind = 'NOTE' AND made.content <> '' THEN {type} ELSE made.kind END AS "iType",
    {key} AS "iKey", {text} AS "iRecord", made.table_name AS "iTableClass",
    CASE WHEN made.kind = 'NOTE' AND made.content <> '' THEN {class} END AS "iClass",
    CASE WHEN made.kind = 'NOTE' AND made.content <> '' THEN {content}
        WHEN made.kind IN ('DDL', 'KEY_CREATION') THEN made.content END AS "iContent",
    made.user_key AS "iUser", {date} AS "iDate", {hour} AS "iHour", made.execution_key AS "iReferrer",
    made.version AS "iVersion", made.tag AS "iTag", made.fresh AS "iFreshTrack"
FROM sojourn_change AS made WHERE made.kind <> 'FIELD'"""


def log_view(connection: Connection) -> str:
    """The statement that makes ``iLog`` in the database of ``connection``."""
    return f'CREATE VIEW "iLog" AS {_LOG.format_map(_WORDS[connection.dialect.name])}'


#: The statement that makes ``iLicense``: products with their ranges, without their master passwords.
LICENSES: Final = """\
CREATE VIEW "iLicense" AS SELECT made.key AS "iKey", made.name AS "iName", made.version AS "iProductVersion",
    made.key AS "iLowestKey", made.high AS "iHighestKey", made.developed AS "iDevelopment"
FROM sojourn_product AS made"""
