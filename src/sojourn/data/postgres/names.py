"""Names of schemas and roles, and how columns are spelled."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

#: Tables of the application, made by ``executeDDL``.
APPLICATION: Final = "application"

#: Change log, keys and products, and the views that authors may read.
SYSTEM: Final = "sojourn_data"

# PostgreSQL folds what stands without quotes to small letters; scripts know these columns by the names of the seed.
_SEED: Final = """
    iAccountType iAddress iAfter iAssignee iBefore iChanged iClass iClassKey iContent iDate iDirectory iEmail iExecution
    iFreshTrack iGroup iHour iKey iKind iMember iMimeType iName iNumber iOrder iProduct iRealm iRecord iReferrer iScope iSession iSize
    iState iTable iTableClass iTag iType iUndoes iUrl iUser iUserName iVersion
"""
_SPELLED: Final = {name.lower(): name for name in _SEED.split()}

#: Bytes of a name at most.
_LONGEST = 63
_MARK = 8


class Roles(NamedTuple):
    """The roles of one database of the application; roles belong to the whole server, so their names tell it."""

    #: That of the URL.
    engine: str
    #: Has the schema of the application and cannot log in.
    owner: str
    #: Logs in and reads.
    reader: str


def roles_of(engine: str, database: str) -> Roles:
    """The roles for ``database``, whose engine logs in as ``engine``."""
    return Roles(engine, _role(database, "_owner"), _role(database, "_reader"))


def quoted(name: str) -> str:
    """``name`` as an identifier in SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """``text`` as a string in SQL; backslashes mean nothing, as standard strings have it."""
    return "'" + text.replace("'", "''") + "'"


def _role(database: str, end: str) -> str:
    name = f"sojourn_{database}{end}"
    if len(name.encode()) <= _LONGEST:
        return name
    mark = f"_{sha256(database.encode()).hexdigest()[:_MARK]}{end}"
    kept = name.encode()[: _LONGEST - len(mark.encode())].decode(errors="ignore")
    return kept + mark


def spelled(column: str) -> str:
    """The name of a column as the seed spells it, where it is one of the seed's."""
    return _SPELLED.get(column, column)
