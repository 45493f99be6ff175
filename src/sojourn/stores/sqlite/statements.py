"""The named statements of ``statements.sql``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Statements(NamedTuple):
    """SQL text by name; a name that is missing or unknown fails at import."""

    load: str
    grave: str
    verdict: str
    bury: str
    create: str
    touch: str
    seen: str
    change: str
    set_idle: str
    known: str
    members: str
    members_whole: str
    record: str
    rotate: str
    end: str
    value: str
    put_value: str
    delete_value: str
    delete_values: str
    delete_values_of: str
    list: str
    list_of: str
    list_ended: str
    list_ended_of: str
    due: str
    forget: str
    bury_due: str
    rearm: str
    meta: str
    meta_both: str
    adopt: str
    advance: str
    count_live: str
    bag_read: str
    bag_of: str
    bag_write: str
    bag_left: str
    bag_expire: str
    bag_drop: str
    bag_due: str
    bag_rearm: str
    once_put: str
    once_look: str
    once_take: str
    once_take_and_forget: str
    once_taken: str
    once_drop: str
    once_sweep: str
    throttle_count: str
    throttle_give_back: str
    throttle_reset: str
    throttle_sweep: str


def _parse(text: str) -> Statements:
    sections = (section.partition("\n") for section in text.split("-- name: ")[1:])
    return Statements(**{name.strip(): statement.strip() for name, _, statement in sections})


SQL = _parse(Path(__file__).with_name("statements.sql").read_text())
