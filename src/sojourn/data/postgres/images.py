"""Values of records as PostgreSQL's own JSON spells them: what ``to_jsonb`` would make of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Any, Final

from sojourn.core import json
from sojourn.core.errors import InvalidJson
from sojourn.core.json import Json
from sojourn.data.errors import BadValue
from sojourn.data.port import Cell
from sojourn.data.postgres.values import (
    BOOL,
    BYTEA,
    DATE,
    FLOAT8,
    INT2,
    INT4,
    INT8,
    JSONB,
    NUMERIC,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    aware,
    fits,
    is_array,
    oid_of,
    type_of,
)

#: One more than the bits of a number without a sign.
_OIDS = 33
#: No integer column has more.
_BEYOND: Final = 1 << 64


def imaged(value: Cell, oid: int, modifier: int, column: str) -> Json:
    """``value`` of a column of the type ``oid`` as ``to_jsonb`` would spell it; raises ``BadValue``."""
    if value is None:
        return None
    try:
        if is_array(oid):
            return _elements(value)
        made: Json = fitted(_IMAGES.get(oid, _text)(value), oid, modifier)
    except (ValueError, TypeError, OverflowError, RecursionError, InvalidOperation, InvalidJson) as error:
        shown = type(value).__name__
        raise BadValue(f"a {shown} does not fit the column {column}, which holds {type_of(oid)}") from error
    return made


#: Their images say all that is kept, whatever stands behind the type.
_KEPT: Final = frozenset({BOOL, INT2, INT4, INT8, FLOAT8, DATE, BYTEA, NUMERIC, oid_of("text"), oid_of("varchar")})
#: So do theirs, with nothing behind the type.
_KEPT_WHOLE: Final = frozenset({TIME, TIMESTAMP, TIMESTAMPTZ})
_VARCHAR: Final = oid_of("varchar")

#: In the modifier of a type: what is added to it, and the bits of a scale.
_HEADER = 4
#: More digits than a number of PostgreSQL has.
_DIGITS = 200_000
_SCALE = 0x7FF
_SIGN = 0x400


def keeps(oid: int, modifier: int) -> bool:
    """Whether a column gives back the very image that was written."""
    return oid in _KEPT or (oid in _KEPT_WHOLE and modifier < 0)


def fitted(image: Json, oid: int, modifier: int) -> Json:
    """``image`` as the column keeps it: so many digits, no blanks beyond its length."""
    if modifier < 0:
        return image
    if oid == NUMERIC and isinstance(image, Decimal):
        scale = (((modifier - _HEADER) & _SCALE) ^ _SIGN) - _SIGN
        with localcontext(prec=_DIGITS):
            return image.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    if oid == _VARCHAR and isinstance(image, str):
        most = modifier - _HEADER
        return image[:most] if not image[most:].strip(" ") else image
    return image


def _elements(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return [_plain(item) for item in value]


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    value.encode()
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _integer(bits: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            raise TypeError
        # Looked at before it is turned into an int: 1E+999999999 would take all day, and everybody would wait.
        if not -_BEYOND < value < _BEYOND or value != int(value):
            raise ValueError
        if not fits(int(value), bits):
            raise ValueError
        return int(value)

    return convert


def _number(value: Any) -> Json:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError
    return _json_number(float(value))


def _decimal(value: Any) -> Json:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise TypeError
    exact = Decimal(repr(value) if isinstance(value, float) else value)
    if not exact.is_finite():
        raise ValueError
    return exact


def _json_number(value: float) -> Json:
    if math.isfinite(value):
        return json.decode(json.encode(value))  # type: ignore[no-any-return]
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _date(value: Any) -> str:
    if isinstance(value, str):
        value = date.fromisoformat(value)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError
    return value.isoformat()


def _time(value: Any) -> str:
    if isinstance(value, str):
        value = time.fromisoformat(value)
    if not isinstance(value, time) or value.tzinfo is not None:
        raise TypeError
    return _trimmed(value.isoformat())


def _moment(*, zone: bool) -> Callable[[Any], str]:
    def convert(value: Any) -> str:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if not isinstance(value, datetime):
            raise TypeError
        return _trimmed(aware(value).replace(tzinfo=None).isoformat()) + ("+00:00" if zone else "")

    return convert


def _trimmed(text: str) -> str:
    """PostgreSQL writes no zeros at the end of a fraction."""
    return text.rstrip("0") if "." in text else text


def _bytes(value: Any) -> str:
    if not isinstance(value, bytes):
        raise TypeError
    return "\\x" + value.hex()


def _document(value: Any) -> Json:
    json.check_finite(value)
    return json.decode(json.encode(value))  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    """An element of an array."""
    if isinstance(value, list):
        return _elements(value)
    if isinstance(value, date | time):
        return _trimmed(value.isoformat())
    if isinstance(value, bytes):
        return _bytes(value)
    return value


_IMAGES: Final[Mapping[int, Callable[[Any], Json]]] = {
    BOOL: _boolean,
    INT2: _integer(16),
    INT4: _integer(32),
    INT8: _integer(64),
    oid_of("oid"): _integer(_OIDS),
    oid_of("float4"): _number,
    FLOAT8: _number,
    NUMERIC: _decimal,
    DATE: _date,
    TIME: _time,
    TIMESTAMP: _moment(zone=False),
    TIMESTAMPTZ: _moment(zone=True),
    BYTEA: _bytes,
    oid_of("json"): _document,
    JSONB: _document,
}


def same_moment(one: Json, other: Json) -> bool:
    """Whether two images of a time mean the same millisecond: scripts know no finer one."""
    if not isinstance(one, str) or not isinstance(other, str):
        return one == other
    try:
        return _milliseconds(one) == _milliseconds(other)
    except ValueError:
        return one == other


def _milliseconds(image: str) -> int:
    moment = aware(datetime.fromisoformat(image))
    return int(moment.timestamp()) * 1_000 + moment.microsecond // 1_000
