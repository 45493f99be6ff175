"""Answers of scripts: a word, then what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from sojourn.core.errors import (
    BadOperand,
    FieldConflict,
    FieldLimit,
    SessionEnded,
    SessionExists,
    SessionUnknown,
    StaleSession,
    StoreBusy,
    StoreVersion,
)
from sojourn.model.field import DEFAULT_LIMITS, MAX_NAME, Changed, Limits, Op
from sojourn.model.session import End
from sojourn.stores.valkey import records

_SHOWN = 80


class Gone(NamedTuple):
    """A session that a script found ended."""

    end: End
    at: int
    #: Whether that script wrote the end: then its claim is still to be released.
    fresh: bool
    owner: str
    nonce: str
    created: int


def gone(answer: Sequence[Any]) -> Gone | None:
    """What an answer ``ended`` says; None for any other."""
    if answer[0] != b"ended":
        return None
    _, end, fresh, owner, nonce, created = answer
    at = int(end.partition(b":")[0])
    return Gone(records.decode_end(end), at, fresh == b"1", owner.decode(), nonce.decode(), int(created))


def changed(answer: Sequence[Any]) -> Changed:
    """What an answer ``ok`` of a change says."""
    values = {answer[i].decode(): answer[i + 1].decode() for i in range(2, len(answer), 2)}
    return Changed(int(answer[1]), values)


def ops_args(ops: Sequence[Op], limits: Limits) -> tuple[list[str], list[str]]:
    """Limits and operations as arguments of a script."""
    flat: list[str] = []
    for op in ops:
        flat += (op.kind, op.name, op.text, str(op.version))
    return [str(limits.fields), str(limits.value), str(limits.total)], flat


def refuse(answer: Sequence[Any], limits: Limits = DEFAULT_LIMITS) -> NoReturn:
    """Raise what an answer other than ``ok`` says."""
    word = answer[0]
    if word == b"unknown":
        raise SessionUnknown
    if word == b"stale":
        raise StaleSession(int(answer[1]))
    if word == b"exists":
        raise SessionExists
    if word == b"newer":
        raise StoreVersion
    if (dead := gone(answer)) is not None:
        raise SessionEnded(dead.end.reason, dead.end.at)
    _refuse_operation(answer, limits)


def _refuse_operation(answer: Sequence[Any], limits: Limits) -> NoReturn:
    word = answer[0]
    if word == b"operand":
        raise BadOperand(answer[1].decode(), answer[2].decode())
    if word == b"conflict":
        name, expected, found, text = (part.decode() for part in answer[1:5])
        raise FieldConflict(name, int(expected), int(found), text if int(found) else None)
    if word == b"limit":
        what, name = answer[1].decode(), answer[2].decode()
        most = MAX_NAME if what == "name" else int(getattr(limits, what))
        raise FieldLimit(what, name[:_SHOWN] if what == "name" else name, most)
    raise StoreBusy
