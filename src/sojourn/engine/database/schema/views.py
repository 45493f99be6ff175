"""Directory and ``vfs:`` files as foreign tools and scripts read them: views with the names of the seed, nothing secret.

Each has a UNION or a join, so that no database lets anybody write through it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, MetaData, event

from sojourn.engine.database.schema.columns import metadata

_USERS = """\
SELECT -1 AS "iKey", 'anonymous' AS "iName", '' AS "iEmail", 'user' AS "iKind", '' AS "iDirectory",
    -1898143909 AS "iState", 'standard' AS "iAccountType"
UNION ALL
SELECT key, name, email, 'user', directory,
    CASE state WHEN 'active' THEN -1898143909 WHEN 'locked' THEN -1898143908
        WHEN 'disabled' THEN -1898141728 ELSE -1898143907 END, account_type
FROM account WHERE state <> 'deleted'
UNION ALL
SELECT key, name, '', kind, directory, NULL, NULL FROM user_group WHERE live_name IS NOT NULL"""

_MEMBERS = """\
SELECT member.user_group AS "iGroup", COALESCE(member.account, member.member_group) AS "iMember",
    member.position AS "iOrder"
FROM membership AS member JOIN user_group AS target ON target.key = member.user_group
WHERE target.live_name IS NOT NULL"""

_SCOPES = """\
SELECT COALESCE(given.account, given.user_group) AS "iAssignee", given.scope AS "iScope",
    COALESCE(place.name, given.realm) AS "iRealm", given.product AS "iProduct"
FROM scope_grant AS given LEFT JOIN realm AS place ON place.id = given.realm"""

_FILES = """\
SELECT entry.key AS "iKey", entry.live_path AS "iUrl", entry.mime AS "iMimeType", entry.kind AS "iKind",
    place.name AS "iRealm", entry.version AS "iVersion", entry.size AS "iSize", entry.changed AS "iChanged"
FROM vfs_file AS entry LEFT JOIN realm AS place ON place.id = entry.realm
WHERE entry.live_path IS NOT NULL AND (entry.realm = '' OR place.live_name IS NOT NULL)"""

#: Name of each view and what it selects.
VIEWS: Mapping[str, str] = {
    "iGroupUser": _USERS,
    "iGroupUserMember": _MEMBERS,
    "iGroupUserScope": _SCOPES,
    "iVfs": _FILES,
}


@event.listens_for(metadata, "after_create")
def _make_views(_target: MetaData, connection: Connection, **_options: Any) -> None:
    for name, wanted in VIEWS.items():
        connection.exec_driver_sql(f'CREATE VIEW "{name}" AS {wanted}')
