"""What is wrong in a project's files: one line each, and the error that carries them all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal, NamedTuple

from sojourn.core.errors import SojournError

Severity = Literal["error", "warning", "note"]

#: From this likeness on, a wrong word is taken for a slip of the pen.
_LIKE = 0.55
_SHOWN = 60


class Problem(NamedTuple):
    """One line of ``sojourn check``."""

    #: Relative to the project folder; ``environment`` or ``command line`` for values that stand in no file.
    file: str
    #: 1 is the first line; 0 where there are no lines.
    line: int
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        label = "" if self.severity == "error" else f"{self.severity}: "
        return _one_line(f"{self.file}:{self.line}: {label}{self.message}")


class ConfigError(SojournError):
    """The project's files cannot be used."""

    code = "config.invalid"

    def __init__(self, problems: Iterable[Problem]) -> None:
        #: Every error found, sorted by file and line, each once.
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


def shown(word: str) -> str:
    """``word`` in quotes, cut when it is long."""
    return repr(word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…")


def nearest(word: str, valid: Iterable[str]) -> str:
    """A clause that names the one of ``valid`` that is most like ``word``; empty when there is none."""
    by_fold = {name.casefold(): name for name in valid}
    found = difflib.get_close_matches(word[:_SHOWN].casefold(), by_fold, n=1, cutoff=0.0)
    if not found:
        return ""
    likeness = difflib.SequenceMatcher(None, found[0], word[:_SHOWN].casefold()).ratio()
    name = by_fold[found[0]]
    return f", did you mean {name!r}?" if likeness >= _LIKE else f"; the nearest valid one is {name!r}"


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
