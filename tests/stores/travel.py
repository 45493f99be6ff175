"""Histories on their way from one process to another."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any, NamedTuple

from sojourn.core.errors import SojournError
from sojourn.testing.interleaving.history import Act, History


class Refusal(NamedTuple):
    """An error as it travels between processes."""

    kind: type[SojournError]
    about: Mapping[str, Any]

    def error(self) -> SojournError:
        """The error again."""
        error = self.kind.__new__(self.kind)
        error.__dict__.update(self.about)
        return error


def packed(history: History) -> bytes:
    """A history as bytes for another process."""
    acts = [
        act._replace(answer=Refusal(type(act.answer), vars(act.answer)))
        if isinstance(act.answer, SojournError)
        else act
        for act in history.acts
    ]
    return pickle.dumps([tuple(act) for act in acts])


def unpacked(raw: bytes) -> list[Act]:
    """The acts of :func:`packed`; only of processes that the test itself has started."""
    acts = [Act(*act) for act in pickle.loads(raw)]
    return [act._replace(answer=act.answer.error()) if isinstance(act.answer, Refusal) else act for act in acts]
