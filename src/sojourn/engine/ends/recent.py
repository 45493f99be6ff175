"""The ends of the last minutes, in memory: a denial only, for the moment in which a store that went back is not yet noticed."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from sojourn.core.clock import MINUTE
from sojourn.model.session import End, Session

#: How long an end is remembered, in milliseconds.
REMEMBERED_FOR = 10 * MINUTE

#: Ends that are remembered; the oldest go first.
MOST = 50_000


class _Ended(NamedTuple):
    epoch: int
    end: End
    at: int


class RecentEnds:
    """Which epochs of which sessions ended in this process lately. What is not in here is not allowed by that."""

    def __init__(self) -> None:
        self._ended: OrderedDict[str, _Ended] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ended)

    def add(self, sid: str, epoch: int, end: End, now: int) -> None:
        """``epoch`` of session ``sid`` and all below it are dead."""
        known = self._ended.pop(sid, None)
        self._ended[sid] = _Ended(max(epoch, known.epoch if known else 0), end, now)
        while self._ended and (len(self._ended) > MOST or next(iter(self._ended.values())).at <= now - REMEMBERED_FOR):
            self._ended.popitem(last=False)

    def denies(self, session: Session) -> End | None:
        """Why this record cannot be alive, although its store says so; None where nothing is known."""
        if not self._ended:
            return None
        known = self._ended.get(session.id)
        return known.end if known is not None and session.epoch <= known.epoch else None
