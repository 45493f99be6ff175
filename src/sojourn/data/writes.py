"""Who wrote each value of a record last, told by its log.

A change that took another one back cancels it, where that was the last write then: what counts is what is still in effect.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sojourn.data.entries import VERSION, Entry


class Mark:
    """A write of one value that is in effect, and the one that it covers."""

    __slots__ = ("below", "number")

    def __init__(self, number: int, below: Mark | None) -> None:
        self.number = number
        self.below = below


#: Stands among the columns for the record's being there.
PRESENCE: Final = ""

_Marks = dict[str, Mark | None]


class Writes:
    """Who wrote each value of a record last, of the changes that are in effect."""

    def __init__(self, history: Sequence[Entry], selected: Collection[int], columns: Collection[str]) -> None:
        self.top: _Marks = {}
        self._columns = {*columns, *_named(history)}
        self._numbers: dict[str, set[int]] = {}
        #: What was on top before and after a change that a later one takes back.
        self._around: dict[int, dict[str, tuple[Mark | None, Mark | None]]] = {
            entry.undoes: {} for entry in history if entry.undoes is not None
        }
        for entry in history:
            self._write(entry, cancels=entry.number not in selected)

    def touched(self, entry: Entry) -> Collection[str]:
        """The values that a change wrote; of an erased one all that it may have written."""
        if entry.erased:
            undone = self._around.get(entry.undoes) if entry.undoes is not None else None
            return undone or (self._columns if entry.kind == "UPDATE" else {PRESENCE, *self._columns})
        names = {*(entry.before or ()), *(entry.after or ())} - {VERSION}
        return names if entry.kind == "UPDATE" else {PRESENCE, *names}

    def in_effect(self, column: str, number: int) -> bool:
        """Whether what the change wrote there counts still, on top or covered by others."""
        if column not in self._numbers:
            mark, found = self.top.get(column), set()
            while mark is not None:
                found.add(mark.number)
                mark = mark.below
            self._numbers[column] = found
        return number in self._numbers[column]

    def drop(self, column: str, number: int) -> None:
        """The change counts no more there, nor does what covers it."""
        mark = self.top.get(column)
        while mark is not None:
            if mark.number == number:
                self.top[column] = mark.below
                return
            mark = mark.below

    def _write(self, entry: Entry, *, cancels: bool) -> None:
        undone = self._around.get(entry.undoes) if cancels and entry.undoes is not None else None
        around = self._around.get(entry.number)
        for column in self.touched(entry):
            below = self.top.get(column)
            top: Mark | None
            if undone and column in undone and undone[column][1] is below:
                top = undone[column][0]
            else:
                top = Mark(entry.number, below)
            self.top[column] = top
            if around is not None:
                around[column] = (below, top)


def _named(history: Sequence[Entry]) -> set[str]:
    images = (image for entry in history for image in (entry.before, entry.after) if image)
    return {column for image in images for column in image} - {VERSION}
