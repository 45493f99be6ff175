"""A row of the table: what is measured, against what, and the goals, declared once."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import msgspec

from bench.harness import Figure, Pairs, Plan

T = TypeVar("T")

#: The unit of ratios.
TIMES = "\u00d7"


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """The floor below which a figure is a defect, and the target."""

    figure: str
    unit: str
    floor: float
    target: float
    #: Which side of the floor is good.
    better: Literal["more", "less"] = "more"
    digits: int = 2

    def reached(self, value: float, *, bound: float) -> bool:
        """Whether ``value`` is on the good side of ``bound`` (the floor or the target)."""
        return value >= bound if self.better == "more" else value <= bound

    def spell(self, value: float) -> str:
        """``value`` with the unit."""
        return f"{value:.{self.digits}f}{self.unit}"

    def spell_bound(self, bound: float) -> str:
        """``bound`` as the table shows it: ``≥ 3`` and the unit."""
        return f"{'≥' if self.better == 'more' else '≤'} {bound:g}{self.unit}"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a row found."""

    #: By the names that the goals use; a figure that could not be had is None.
    figures: dict[str, Figure | None]
    #: Further facts for people, a sentence each.
    notes: tuple[str, ...] = ()
    pairs: Pairs | None = None


class Bench:
    """One run of the bench: its plan, a scratch folder, and what rows share."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._stack = contextlib.ExitStack()
        self._shared: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def folder(self) -> Path:
        """A fresh empty folder that goes away at the end of the run."""
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sojourn-bench-")))

    def shared(self, name: str, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once in a run: P5 reads the measurement of P1."""
        if name not in self._shared:
            self._shared[name] = make()
        found: T = self._shared[name]
        return found


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table in the documentation."""

    name: str
    work: str
    against: str
    goals: tuple[Goal, ...]
    measure: Callable[[Bench], Outcome]
