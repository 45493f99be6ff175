"""What scripts hand to ``Database`` and ``Connection``: options, parameters, what a row of the log says."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from sojourn.data.port import Bounds, Cell, Parameters
from sojourn.scripting.declare import BadArgument
from sojourn.scripting.values import UNDEFINED, BigInt


class Options(msgspec.Struct, frozen=True, rename="camel"):
    """Options of a query; those of other engines say nothing here."""

    #: Milliseconds.
    timeout: Annotated[float, msgspec.Meta(gt=0)] | None = None


class Note(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What ``insertLog`` writes."""

    content: str = ""
    key: int | str | None = None
    class_key: int | None = None
    version: int | None = None
    tag: str | None = None


class Which(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows ``updateLogs`` means."""

    version: int | None = None
    tag: str | None = None


class Mark(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What it sets in them."""

    fresh_track: bool


def bounds_of(given: Any) -> Bounds:
    """The bounds of a query, which a script may only make narrower. Raises ``BadArgument``."""
    options = struct_of(given, Options, "the options of a query")
    usual = Bounds()
    return usual if options.timeout is None else usual._replace(time=max(1, int(min(usual.time, options.timeout))))


def parameters_of(given: Any) -> Parameters:
    """Parameters in their order, or by name. Raises ``BadArgument``."""
    if isinstance(given, dict):
        return {name: _parameter(value) for name, value in given.items()}
    if not isinstance(given, list):
        raise BadArgument("the parameters of a query are an array, or an object")
    return [_parameter(value) for value in given]


def _parameter(value: Any) -> Cell:
    if value == UNDEFINED:
        raise BadArgument("a parameter is undefined; null stands for no value")
    found: Cell = int(value) if isinstance(value, BigInt) else value
    return found


def struct_of(given: Any, kind: Any, what: str) -> Any:
    """An object of a script as ``kind``; members that are undefined count as not there. Raises ``BadArgument``."""
    named = {} if given is None or given == UNDEFINED else given
    if not isinstance(named, dict):
        raise BadArgument(f"{what} are an object")
    try:
        return msgspec.convert({name: value for name, value in named.items() if value != UNDEFINED}, kind)
    except msgspec.ValidationError as error:
        raise BadArgument(f"{what}: {error}") from None
