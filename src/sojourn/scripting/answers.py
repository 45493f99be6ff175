"""The server's answers to the host calls of a worker."""

from __future__ import annotations

import logging
import re
from typing import Any, Final

from sojourn.core.errors import SojournError
from sojourn.scripting.runtime import Facts, Host
from sojourn.scripting.values import Value
from sojourn.scripting.wire import dump, encode

_log = logging.getLogger(__name__)

#: What a message has beside its values: names, numbers, brackets; the description of an error.
FRAME: Final = 400_000


async def answer(  # noqa: PLR0917 - what a call has
    host: Host, number: int, function: str, args: list[Value], most: int, facts: Facts | None = None
) -> bytes:
    """The packet that answers a host call; what the host raised is in it, and what the worker should know from now on."""
    try:
        value, known = encode(await host.call(function, args)), told(facts)
        reply = dump({"q": number, "v": value} if known is None else {"q": number, "v": value, "f": known})
    except SojournError as error:
        described = _described(error)
    except Exception:  # noqa: BLE001 - whatever it is, the script gets an answer
        _log.exception("host function %s failed", function)
        described = {"name": "HostFailure", "message": "internal error", "code": "script.internal", "status": 500}
    else:
        if len(reply) <= most + FRAME:
            return reply
        described = {"name": "RangeError", "message": f"the result of {function} is larger than {most} bytes"}
    return dump({"q": number, "e": described, "f": told(facts, begins=True) or {}})


def told(facts: Facts | None, *, begins: bool = False) -> Any:
    """What a worker is told before it asks, encoded; None when that has not changed."""
    known = None if facts is None else facts(begins)
    return None if known is None else encode(dict(known))


def _described(error: SojournError) -> dict[str, Any]:
    """What a script is told of an error of ours; its evidence under names as JavaScript spells them."""
    evidence = {re.sub("_(.)", lambda found: found[1].upper(), name): getattr(error, name) for name in error.told}
    kind = type(error)
    return {**evidence, "name": kind.__name__, "message": error.message, "code": error.code, "status": error.status}
