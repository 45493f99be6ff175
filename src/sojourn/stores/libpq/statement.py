"""A statement as a connection sends it, and the one that every connection begins with."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

#: A column of a result or a parameter of a statement, in binary form; None = NULL.
Value = bytes | None
Row = Sequence[Value]


class Statement(NamedTuple):
    """One statement; its parameters and results go in binary form."""

    #: What it is called in a connection: by its own text, so that no other program can mean something else by it.
    name: bytes
    sql: bytes
    #: Whether an answer that does not arrive leaves open what happened.
    writes: bool

    @classmethod
    def of(cls, sql: bytes, *, writes: bool = False) -> Statement:
        """The statement with this text."""
        return cls(b"sojourn_" + sha256(sql).hexdigest()[:16].encode(), sql, writes)


#: Whether it is a replica, its isolation and encoding, and which run of which server it is.
PROBE = Statement.of(
    b"""SELECT pg_is_in_recovery(), current_setting('transaction_isolation'), current_setting('server_encoding'),
       CASE WHEN pg_is_in_recovery() THEN ''
            ELSE (SELECT system_identifier::text FROM pg_control_system())
                 || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) END"""
)
