"""Where the values of a file stand; what the three readers give back."""

from __future__ import annotations

from typing import Any, NamedTuple

#: Keys and list indexes from the root of a document.
Path = tuple[str | int, ...]

#: How deeply a project file may nest.
MAX_DEPTH = 100


class Place(NamedTuple):
    """Line of a value and of the key before it; 1 is the first."""

    value: int
    key: int


class Fault(NamedTuple):
    """Something that the format itself forbids."""

    line: int
    message: str


class Parsed(NamedTuple):
    """A file's value, where its parts stand, and the faults after which reading could go on."""

    data: Any
    places: dict[Path, Place]
    faults: list[Fault]


class Malformed(Exception):
    """Reading cannot go on."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        #: What stops the reader.
        self.fault = Fault(line, message)


def stands_twice(key: str, first: int) -> str:
    """The message about a key that was there already in line ``first``."""
    return f"key {key!r} stands twice, first in line {first}"
