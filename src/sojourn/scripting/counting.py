"""What scripts did so far, for ``/metrics``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sojourn.scripting.ceilings import Ceilings
from sojourn.scripting.stock import Stock
from sojourn.scripting.workers import Workers


@dataclass(slots=True)
class Counts:
    """Counters of one process since its start, and what there is now."""

    workers: Workers
    environments: Stock
    ceilings: Ceilings
    #: Executed tasks by name of the realm and outcome: ``ok``, ``failed``, ``timeout``, ``out-of-memory``, ``aborted``,
    #: ``lost``.
    executions: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: Seconds that they took in all, host calls included, by name of the realm.
    seconds: dict[str, float] = field(default_factory=dict)

    def executed(self, realm: str, outcome: str, seconds: float) -> None:
        """Count one task."""
        self.executions[realm, outcome] += 1
        self.seconds[realm] = self.seconds.get(realm, 0.0) + seconds

    def live(self) -> dict[tuple[str, str], int]:
        """Environments by runtime and state: ``running``, ``idle``, ``ready`` for those that were never used."""
        found: Counter[tuple[str, str]] = Counter()
        for environment in self.environments:
            found[environment.runtime, "running" if environment.busy else "idle"] += 1
        for kind in self.workers.unused():
            found[kind.runtime, "ready"] += 1
        return dict(found)
