"""The acts in words of the statements: their parameters, and what the answers mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import msgspec

from sojourn.core.errors import (
    BadOperand,
    FieldConflict,
    FieldLimit,
    SessionEnded,
    SessionExists,
    SessionUnknown,
    StaleSession,
)
from sojourn.model.field import MAX_NAME, Changed, Limits, Op, check_name, size
from sojourn.model.session import IssuedToken, Rotation, Session, owner_of
from sojourn.stores.base import SessionLimit
from sojourn.stores.postgres import rows
from sojourn.stores.postgres.statements import SQL, Statement
from sojourn.stores.postgres.wire import Row, Value, key, maybe_number, number, number_of, numbers, text_of, texts

#: The row was locked by somebody whose change made the session fit for the act after all: ask again.
AGAIN = b"again"
_OK = b"ok"

_sums = msgspec.json.Decoder(dict[str, str])


def creation(session: Session, fields: Mapping[str, str], now: int, most: int | None) -> Sequence[Value]:
    """Parameters of statement ``create``."""
    return (
        key(session.id),
        key(session.realm),
        key(session.owner),
        key(session.principal),
        session.secret,
        session.replaced,
        number(session.replaced_at),
        number(session.created),
        number(session.last),
        number(session.idle),
        number(session.absolute),
        number(session.epoch),
        number(max(session.version, 1) if fields else session.version),
        number(sum(size(name, text) for name, text in fields.items())),
        texts(rows.token_text(token) for token in session.tokens),
        numbers(token.expires for token in session.tokens),
        rows.about_text(session.identity, session.device, session.fences),
        texts(fields),
        texts(fields.values()),
        number(now),
        maybe_number(most),
    )


def rotation(to: Rotation) -> Sequence[Value]:
    """Parameters of statement ``rotate`` from the fifth on, without the last."""
    return (
        to.secret,
        key(owner_of(to.identity, to.device)),
        key(to.identity.principal),
        number(to.idle),
        number(to.absolute),
        texts(rows.token_text(token) for token in to.tokens),
        numbers(token.expires for token in to.tokens),
        rows.about_text(to.identity, to.device, to.fences),
        None if to.keep is None else texts(to.keep),
    )


def only_puts(ops: Sequence[Op], limits: Limits) -> dict[str, str] | None:
    """What ``ops`` put, when they do nothing else and no limit of one name or value speaks against them."""
    wanted = {}
    for op in ops:
        if op.kind != "put" or not _is_name(op.name) or len(op.text.encode()) > limits.value:
            return None
        wanted[op.name] = op.text
    return wanted


def operations(ops: Sequence[Op], limits: Limits) -> Sequence[Value]:
    """Operations and limits as parameters. A name that no store takes is refused when its turn comes."""
    good = [_is_name(op.name) for op in ops]
    return (
        texts(op.kind if fits else "name" for op, fits in zip(ops, good, strict=True)),
        texts(op.name if fits else "" for op, fits in zip(ops, good, strict=True)),
        # Only what the kind of operation uses: the rest may be anything, and PostgreSQL knows no NUL.
        texts("" if op.kind == "delete" else op.text for op in ops),
        numbers(op.version if op.kind == "put_if" else 0 for op in ops),
        number(limits.fields),
        number(limits.value),
        number(limits.total),
    )


def wish(
    ops: Sequence[Op], limits: Limits, token: IssuedToken | None, idle: int | None
) -> tuple[Statement, Sequence[Value]]:
    """The cheapest statement that does it, and its parameters from the sixth on."""
    puts = None if token is not None or idle is not None else only_puts(ops, limits)
    if puts is None:
        listed = (None, None) if token is None else (rows.token_text(token).encode(), number(token.expires))
        return SQL.change, (*operations(ops, limits), *listed, maybe_number(idle))
    if not puts:
        return SQL.touch, ()
    weight = sum(size(name, text) for name, text in puts.items())
    return SQL.put, (texts(puts), texts(puts.values()), number(weight), number(limits.fields), number(limits.total))


def changed(row: Row, ops: Sequence[Op], limits: Limits) -> Changed:
    """The answer to a change: state, version, and the sums of increments. Raises what it was refused with."""
    if row[0] != _OK:
        refuse(row, ops, limits)
    sums = row[4] if len(row) > 3 else None  # noqa: PLR2004 - touch and put have three columns
    return Changed(number_of(row[1]), {} if sums is None else _sums.decode(sums))


def admitted(found: Sequence[Row], kept: Sequence[int] = ()) -> Row:
    """The first row of an answer to ``create`` or ``rotate``. Raises ``SessionLimit`` and what else it was refused with.

    ``kept`` are the places of number and detail.
    """
    row = found[0]
    if row[0] == b"limit":
        raise SessionLimit([rows.record(live[1:]) for live in found])
    if row[0] != _OK:
        refuse((row[0], *(row[place] for place in kept)), (), Limits())
    return row


def refuse(row: Row, ops: Sequence[Op], limits: Limits) -> NoReturn:
    """Raise what the answer (state, number, detail, operation …) says."""
    state = text_of(row[0])
    if state == "unknown":
        raise SessionUnknown
    if state == "exists":
        raise SessionExists
    if state == "stale":
        raise StaleSession(number_of(row[1]))
    if state == "ended":
        end = rows.end_of(row[2])
        raise SessionEnded(end.reason, end.at)
    _refuse_operation(state, row, ops, limits)


def _refuse_operation(state: str, row: Row, ops: Sequence[Op], limits: Limits) -> NoReturn:
    op = ops[number_of(row[3]) - 1] if len(row) > 3 else ops[-1]  # noqa: PLR2004 - a put names no operation
    if state == "conflict":
        found = None if row[2] is None else text_of(row[2])
        raise FieldConflict(op.name, op.version, number_of(row[1]), found)
    if state == "operand":
        raise BadOperand(op.name, op.kind)
    if state == "name":
        raise FieldLimit("name", op.name[:80], MAX_NAME)
    raise FieldLimit(state, op.name, {"value": limits.value, "fields": limits.fields}.get(state, limits.total))


def _is_name(name: str) -> bool:
    try:
        check_name(name)
    except FieldLimit:
        return False
    return True
