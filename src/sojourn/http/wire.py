"""The few ASGI types in use, and the headers of a request as they arrived."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

#: A header as it goes over the wire: lower-case name, value.
Header = tuple[bytes, bytes]

#: The event, and the extension of the scope, by which our own server takes a whole answer in one.
WHOLE = "sojourn.whole"


class Head:
    """The request headers, read once. Names are lower-case bytes; nothing is decoded, trimmed or joined."""

    __slots__ = ("_raw", "_values", "repeats")

    def __init__(self, raw: Sequence[Header]) -> None:
        self._raw = raw
        self._values = dict(raw)
        #: Whether any name stands more than once.
        self.repeats = len(self._values) != len(raw)

    def get(self, name: bytes) -> bytes | None:
        """The value of ``name``; None when it is absent **or stands more than once**."""
        value = self._values.get(name)
        return None if self.repeats and value is not None and len(self.all(name)) > 1 else value

    def all(self, name: bytes) -> Sequence[bytes]:
        """Every value of ``name``, in the order of arrival."""
        if self.repeats:
            return [value for known, value in self._raw if known == name]
        value = self._values.get(name)
        return () if value is None else (value,)

    def has(self, name: bytes) -> bool:
        """Whether ``name`` stands there at all."""
        return name in self._values

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Whether one of ``names`` stands there."""
        return not names.isdisjoint(self._values)

    @property
    def raw(self) -> Sequence[Header]:
        """All headers in the order of arrival."""
        return self._raw
