"""What a row found, kept as ``bench/results/<row>.json``."""

from __future__ import annotations

from pathlib import Path

import msgspec

from bench.harness import Figure, Pairs, Plan
from bench.row import Goal, Outcome, Row

RESULTS = Path(__file__).parent / "results"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement of one row, or why there is none."""

    row: str
    work: str
    against: str
    goals: tuple[Goal, ...]
    command: str
    machine: str
    #: ISO 8601 day.
    date: str
    plan: Plan
    figures: dict[str, Figure | None] = {}
    notes: tuple[str, ...] = ()
    pairs: Pairs | None = None
    #: Why it was not measured; empty when it was.
    missing: str = ""

    @classmethod
    def of(cls, row: Row, found: Outcome | str, plan: Plan, *, machine: str, date: str) -> Result:
        """The result of ``row``; a text instead of an outcome says why there is none."""
        outcome = found if isinstance(found, Outcome) else Outcome(figures={})
        return cls(
            row=row.name,
            work=row.work,
            against=row.against,
            goals=row.goals,
            command=f"make bench-{row.name}",
            machine=machine,
            date=date,
            plan=plan,
            figures=outcome.figures,
            notes=outcome.notes,
            pairs=outcome.pairs,
            missing=found if isinstance(found, str) else "",
        )

    def floors_missed(self) -> list[Goal]:
        """The goals whose figure is there and on the wrong side of its floor."""
        missed = []
        for goal in self.goals:
            figure = self.figures.get(goal.figure)
            if figure is not None and not goal.reached(figure.median, bound=goal.floor):
                missed.append(goal)
        return missed

    def save(self, folder: Path = RESULTS) -> None:
        """Replace the file of this row."""
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{self.row}.json.tmp"
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
        fresh.replace(folder / f"{self.row}.json")


def load_results(folder: Path = RESULTS) -> list[Result]:
    """The last result of every row, P1 before P20."""
    found = [msgspec.json.decode(file.read_bytes(), type=Result) for file in folder.glob("*.json")]
    return sorted(found, key=lambda result: int(result.row.removeprefix("p")))
