"""Names and texts of clients on their way into a log: each on one line, with nothing in it that prints as nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sojourn.core.json import Json

#: Longest text of one column; more is cut.
LONGEST = 500

#: How deep a detail may be nested; what is deeper is left out.
_DEEPEST = 20

#: Letters and marks that count as printable although most fonts show nothing for them.
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
_UNSEEN = re.compile(f"[{_BLANK}]")


def escaped(text: str) -> str:
    """``text`` on one line without anything that prints as nothing: no client can forge a line of the log.

    What was escaped before stays as it is.
    """
    if len(text) > LONGEST:
        text = text[:LONGEST] + "…"
    if text.isprintable() and (text.isascii() or _UNSEEN.search(text) is None):
        return text
    return "".join(character if _seen(character) else f"\\u{{{ord(character):x}}}" for character in text)


def escaped_json(value: Any, depth: int = 0) -> Json:
    """``value`` with every name and text in it :func:`escaped`."""
    if isinstance(value, str):
        return escaped(value)
    if depth >= _DEEPEST:
        return None
    if isinstance(value, Mapping):
        return {escaped(str(name)): escaped_json(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [escaped_json(item, depth + 1) for item in value]
    return value  # type: ignore[no-any-return]  # numbers and constants are JSON as they are


def _seen(character: str) -> bool:
    return character.isprintable() and _UNSEEN.match(character) is None
