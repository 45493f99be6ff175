"""The named statements of ``statements.sql``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sojourn.stores.libpq.statement import Statement

__all__ = ["SQL", "Statement", "Statements"]


class Statements(NamedTuple):
    """The statements by name; one that is missing or unknown fails at import."""

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
        found[name] = Statement.of(sql, writes="writes" in marks)
    return Statements(**found)


SQL = _parse(Path(__file__).with_name("statements.sql").read_text())
