"""A row of the change log."""

from __future__ import annotations

from typing import Literal

import msgspec

from sojourn.core.json import Json

#: What kind of change it was. The first three can be undone; ``FIELD`` is a field of a session, ``NOTE`` a row that a
#: script has added with ``insertLog`` under a type of its own.
ChangeKind = Literal["INSERT", "UPDATE", "DELETE", "DDL", "KEY_CREATION", "FIELD", "NOTE"]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One changed record, or one act upon the database."""

    #: Its number in the log of its database.
    number: int
    kind: ChangeKind
    #: All changes of one ``applyUpdates`` have the same.
    version: int
    #: Table of the record, empty where there is none.
    table: str
    #: Key of the record, None where there is none.
    key: int | str | None
    #: The row before, of an UPDATE the changed columns; None where there was none, or when it was erased.
    before: dict[str, Json] | None
    #: The same after.
    after: dict[str, Json] | None
    #: Whether before and after were erased; the log still verifies.
    erased: bool
    #: The statement of a DDL, the content of a NOTE with its type, what a FIELD or KEY_CREATION says.
    content: str
    user_key: int
    user_name: str
    #: Public id of the session, empty without one.
    session: str
    realm: str
    address: str
    execution_key: str
    #: Milliseconds since 1970.
    at: int
    #: ``trackingId``, empty for none.
    tag: str
    #: ``iFreshTrack``: true when it was written with a tag, until ``updateLogs`` says otherwise; None without a tag.
    fresh: bool | None
    #: Number of the change that this one takes back, None when it does not.
    undoes: int | None
