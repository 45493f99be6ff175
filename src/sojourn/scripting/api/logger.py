"""What scripts log: the far side of ``console`` and ``logger``, which are written in ``prelude/``."""

from __future__ import annotations

from typing import Final, Literal

from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import HostClass, exposed, static

Level = Literal["debug", "info", "warning", "error", "critical"]

#: Characters of one entry, and how many entries one execution may write with all that it causes.
LONGEST: Final = 8_192
MOST: Final = 1_000

_LAST: Final = "this execution has logged enough: what it logs from here on is dropped"


@exposed("Log", role="internal")
class Log(HostClass):
    """Takes what a script logs; it is written with realm, script and execution key."""

    @static("write(level: string, category: string, text: string): void", ANYONE)
    def write(self, level: Level, category: str, text: str) -> None:
        """Write one entry, cut where it is too long; more than enough of them are dropped, which the last one says."""
        nesting = self.run.nesting
        nesting.logged += 1
        if nesting.logged > MOST or self.run.log is None:
            return
        if nesting.logged == MOST:
            self.run.log("warning", _LAST)
            return
        entry = f"{category}: {text}" if category else text
        self.run.log(level, entry if len(entry) <= LONGEST else f"{entry[:LONGEST]}…")
