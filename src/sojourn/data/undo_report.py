"""What an undo would do, or has done."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Final

import msgspec

from sojourn.core.errors import BadRequest, Conflict, InsufficientScope
from sojourn.core.json import Json
from sojourn.data import entries
from sojourn.data.entries import RowKind, Step
from sojourn.data.port import Key
from sojourn.data.selecting import Part
from sojourn.model.change import ChangeKind

#: What is done to records that a report names one by one; all of them are counted.
MOST_SHOWN: Final = 1_000
#: Conflicts that one undo may have: with more of them nobody can decide anything.
MOST_CONFLICTS: Final = 10_000


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to a record in order to take one change back."""

    kind: RowKind
    table: str
    key: Key
    before: dict[str, Json] | None
    after: dict[str, Json] | None
    #: Number of the change that it takes back.
    undoes: int


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How much is done to one table."""

    table: str
    kind: RowKind
    acts: int


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that are never taken back: of the schema, of sessions, keys that were made."""

    kind: ChangeKind
    changes: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken back, and what is not."""

    #: Whose changes were selected.
    parts: list[Part]
    #: How many changes of records were selected.
    changes: int
    #: How many of them others have taken back already.
    already: int
    left: list[Left]
    tallies: list[Tally]
    #: The first :data:`MOST_SHOWN` acts, in the order in which they are done.
    acts: list[Act]
    conflicts: list[entries.Conflict]

    @property
    def count(self) -> int:
        """How many acts there are."""
        return sum(tally.acts for tally in self.tallies)

    @property
    def stays(self) -> list[entries.Conflict]:
        """The conflicts where a change stays as it is."""
        return [conflict for conflict in self.conflicts if not conflict.forced]


class UndoConflicts(Conflict):
    """Not everything can be taken back, because somebody has changed it since; nothing was written."""

    code = "database.undo_conflicts"
    told = ("count", "first")
    MOST_NAMED: ClassVar = 3

    def __init__(self, report: Report) -> None:
        found = report.stays
        #: How many conflicts there are.
        self.count = len(found)
        #: The first of them in words.
        self.first = "; ".join(conflict_text(one) for one in found[: self.MOST_NAMED])
        super().__init__(f"{self.count} conflicts, nothing was written: {self.first}")
        self.report = report


class TooManyConflicts(BadRequest):
    """There are more conflicts than can be decided about at once; select less. Nothing was written."""

    code = "database.too_many_conflicts"


class SeveralAuthors(Conflict):
    """These are changes of several sessions or users; name one of them, or say that all of them are meant."""

    code = "database.several_authors"
    told = ("authors",)

    def __init__(self, parts: list[Part]) -> None:
        super().__init__()
        self.parts = parts
        #: How many there are.
        self.authors = len(parts)


class ForeignChanges(InsufficientScope):
    """These are changes of other sessions: to take them back takes the scope ``database.undoChanges``."""


def conflict_text(conflict: entries.Conflict) -> str:
    """A conflict in words, without the values."""
    what = f"{conflict.table} {conflict.key!r}" + (f" {conflict.column}" if conflict.column else "")
    by = f" by change {conflict.by}" if conflict.by is not None else ""
    return f"{what}: {conflict.reason}{by}"


class Tallying:
    """Adds a report up while changes are taken back."""

    def __init__(self, parts: list[Part], left: list[Left]) -> None:
        self._parts = parts
        self._left = left
        self._tallies: Counter[tuple[str, RowKind]] = Counter()
        self._acts: list[Act] = []
        self.conflicts: list[entries.Conflict] = []
        self.changes = 0
        self.already = 0

    def did(self, steps: list[Step]) -> None:
        """Count steps that were done."""
        self._tallies.update((step.table.name, step.kind) for step in steps)
        room = MOST_SHOWN - len(self._acts)
        self._acts += [
            Act(kind=one.kind, table=one.table.name, key=one.key, before=one.before, after=one.after, undoes=one.undoes)
            for one in steps[: max(0, room)]
        ]

    def clash(self, conflicts: list[entries.Conflict]) -> None:
        """Keep conflicts; raises :class:`TooManyConflicts`."""
        self.conflicts += conflicts
        if len(self.conflicts) > MOST_CONFLICTS:
            raise TooManyConflicts

    def report(self) -> Report:
        """What was counted."""
        return Report(
            parts=self._parts,
            changes=self.changes,
            already=self.already,
            left=self._left,
            tallies=[Tally(table=table, kind=kind, acts=acts) for (table, kind), acts in sorted(self._tallies.items())],
            acts=self._acts,
            conflicts=self.conflicts,
        )


def described(report: Report) -> dict[str, Any]:
    """``report`` as the command line shows it, but for whose changes they were."""
    return {
        "changes": report.changes,
        "already": report.already,
        "left": [{"kind": one.kind, "changes": one.changes} for one in report.left],
        "tallies": [{"table": one.table, "kind": one.kind, "acts": one.acts} for one in report.tallies],
        "acts": [
            {
                "kind": one.kind,
                "table": one.table,
                "key": one.key,
                "before": one.before,
                "after": one.after,
                "undoes": one.undoes,
            }
            for one in report.acts
        ],
        "conflicts": [
            {
                "number": one.number,
                "table": one.table,
                "key": one.key,
                "column": one.column or None,
                "reason": one.reason,
                "by": one.by,
                "found": one.found,
                "wanted": one.wanted,
                "text": one.text or None,
                "forced": one.forced,
            }
            for one in report.conflicts
        ],
    }
