"""What Django lets a session hold: the values of its ``SESSION_SERIALIZER``, under names that JSON makes text."""

from __future__ import annotations

import json as stdlib
import re
from typing import Any, Protocol

from sojourn.core import json
from sojourn.engine.fields.draft import Draft

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class Serializer(Protocol):
    """A class as ``SESSION_SERIALIZER`` names it; it must write JSON."""

    def dumps(self, obj: Any) -> bytes:
        """The value as bytes."""
        ...

    def loads(self, data: bytes) -> Any:
        """The value again."""
        ...


class SerializedJson:
    """Values through Django's serializer: what it refuses, as ``datetime``, is refused here with its own error."""

    def __init__(self, serializer: Serializer) -> None:
        self._serializer = serializer

    def encode(self, value: Any) -> str:
        """Compact JSON text; raises what the serializer raises, and ``InvalidJson`` for what is no JSON after it."""
        return json.encode_text(json.decode(self._serializer.dumps(value)))

    def decode(self, text: str) -> Any:
        """The value of the field."""
        # Django's serializer reads Latin-1.
        return self._serializer.loads(_NOT_ASCII.sub(_escape, text).encode())


class DjangoDraft(Draft):
    """A draft whose names may be what Python's JSON takes as a name: a number becomes its digits, at once."""

    def __getitem__(self, name: object) -> Any:
        return super().__getitem__(_name(name))

    def __contains__(self, name: object) -> bool:
        return super().__contains__(_name(name))

    def __setitem__(self, name: object, value: Any) -> None:
        super().__setitem__(_name(name), value)

    def __delitem__(self, name: object) -> None:
        super().__delitem__(_name(name))

    def setdefault(self, name: object, default: Any = None) -> Any:
        """See :meth:`sojourn.engine.fields.draft.Draft.setdefault`."""
        return super().setdefault(_name(name), default)


def _name(name: object) -> str:
    if isinstance(name, str):
        return name
    (text,) = stdlib.loads(stdlib.dumps({name: 0}))
    return str(text)


def _escape(sign: re.Match[str]) -> str:
    units = sign.group().encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
