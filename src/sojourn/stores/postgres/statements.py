"""The named statements of ``statements.sql``."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import NamedTuple


class Statement(NamedTuple):
    """One statement; its parameters and results go in binary form."""

    #: What it is called in a connection: by its own text, so that no other program can mean something else by it.
    name: bytes
    sql: bytes
    #: Whether an answer that does not arrive leaves open what happened.
    writes: bool


class Statements(NamedTuple):
    """The statements by name; one that is missing or unknown fails at import."""

    probe: Statement
    ping: Statement
    load: Statement
    grave: Statement
    settle: Statement
    create: Statement
    touch: Statement
    put: Statement
    change: Statement
    rotate: Statement
    end: Statement
    list: Statement
    list_of: Statement
    list_ended: Statement
    list_ended_of: Statement
    sweep: Statement
    read_bag: Statement
    change_bag: Statement
    drop_bag: Statement
    once_put: Statement
    once_look: Statement
    once_take: Statement
    once_drop: Statement
    throttle_count: Statement
    throttle_give_back: Statement
    throttle_reset: Statement
    counts: Statement
    time: Statement
    adopt: Statement
    mark: Statement
    advance: Statement


def _parse(text: str) -> Statements:
    found = {}
    for section in text.split("-- name: ")[1:]:
        heading, _, body = section.partition("\n")
        name, *marks = heading.split()
        sql = body.strip().encode()
        found[name] = Statement(b"sojourn_" + sha256(sql).hexdigest()[:16].encode(), sql, "writes" in marks)
    return Statements(**found)


SQL = _parse(Path(__file__).with_name("statements.sql").read_text())
