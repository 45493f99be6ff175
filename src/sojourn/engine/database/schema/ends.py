"""Ends of sessions, the mark of their store, leases and announced drops."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Text

from sojourn.engine.database.schema.columns import key_column, table

#: Every end of a session, kept until ``keep_until``: replayed onto a session store that went back in time. ``confirmed``
#: is the number of ``store_mark`` when the store had answered, NULL while it has not.
end_journal = table(
    "end_journal",
    key_column(),
    Column("sid", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("keep_until", BigInteger, nullable=False, index=True),
    Column("actor", Text, nullable=False, server_default=""),
    Column("rule", Text, nullable=False, server_default=""),
    Column("confirmed", BigInteger, index=True),
)

#: One row: what was last seen of the session store. ``number`` counts the notings, ``era`` the times that it went back.
store_mark = table(
    "store_mark",
    key_column(),
    Column("number", BigInteger, nullable=False),
    Column("era", BigInteger, nullable=False),
    Column("installation", Text, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("run", Text, nullable=False),
    Column("noted_at", BigInteger, nullable=False),
)

#: What one process at a time does, and until when it is that process.
lease = table(
    "lease",
    key_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

#: Sessions that an operator will end, with notice. ``realm`` is a realm's id.
drop_request = table(
    "drop_request",
    key_column(),
    Column("session", Text, nullable=False, unique=True),
    Column("realm", Text, nullable=False, index=True),
    Column("requester_key", BigInteger, nullable=False),
    Column("requester", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("drops_at", BigInteger, nullable=False, index=True),
)
