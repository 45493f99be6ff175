"""The views by which statements of authors see the system: with the names of the seed, nothing that is not theirs to see.

``iLog`` says what was changed, when, by whom and with which tag. What the records held, where a client came from and in
which session it was belongs to who may look at changes (:class:`sojourn.data.reading.ChangeLog`), and is not in it;
fields of sessions are not either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection

#: How each database says it: the key of a record as a number and as text, members of a note, day and time of an instant.
_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {
        "key": "CASE WHEN made.record = '' THEN NULL WHEN json_type(made.record) = 'integer' "
        "THEN json_extract(made.record, '$') END",
        "text": "CASE made.record WHEN '' THEN NULL ELSE json_extract(made.record, '$') || '' END",
        "class": "json_extract(made.content, '$.classKey')",
        "type": "json_extract(made.content, '$.type')",
        "content": "json_extract(made.content, '$.content')",
        "date": "date(made.at / 1000, 'unixepoch')",
        "hour": "time(made.at / 1000, 'unixepoch')",
    },
    "postgresql": {
        "key": "CASE WHEN made.record ~ '^-?[0-9]{1,18}$' THEN made.record::bigint END",
        "text": "CASE made.record WHEN '' THEN NULL ELSE made.record::jsonb #>> '{}' END",
        "class": "(made.content::jsonb ->> 'classKey')::bigint",
        "type": "(made.content::jsonb ->> 'type')",
        "content": "(made.content::jsonb ->> 'content')",
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
