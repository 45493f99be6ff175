"""Regular expressions of authors: RE2 only, whose time is linear in the text, never Python's ``re``.

Linear still is much for a large automaton and a long text, and many searches over one text are quadratic; so every
search is charged with its worst case before it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import re2  # type: ignore[import-untyped] # google-re2 brings no types

from sojourn.pipelines.expressions.errors import ExpressionLimit, WrongArgument
from sojourn.pipelines.expressions.limits import MAX_PATTERN
from sojourn.pipelines.expressions.scope import Run

#: Bytes that RE2 may take for one expression; larger repetitions are refused.
_MEMORY = 1 << 20
#: Compiled expressions kept.
_KEPT = 256
#: One step is this power of two of characters times instructions, some 150 ns at worst.
_SHIFT = 6
#: Steps of one search beside the scanning.
_CALL = 32


class Pattern(NamedTuple):
    """A compiled regular expression."""

    compiled: Any
    #: Instructions of its automaton.
    size: int
    #: How many characters a match can take; None when a repetition makes it any number.
    reach: int | None


def compile_pattern(source: str, *, ignore_case: bool = False) -> Pattern:
    """The regular expression ``source``; raises :class:`WrongArgument` and :class:`ExpressionLimit`."""
    if len(source) > MAX_PATTERN:
        raise ExpressionLimit(f"a regular expression has at most {MAX_PATTERN} characters")
    found = _compiled(source, ignore_case)
    if found is None:
        raise WrongArgument("this is not a regular expression that RE2 takes")
    return found


@lru_cache(_KEPT)
def _compiled(source: str, ignore_case: bool) -> Pattern | None:  # noqa: FBT001 - a key of the cache
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True
    options.case_sensitive = not ignore_case
    try:
        compiled = re2.compile(source, options)
    except re2.error:
        return None
    reach = None if any(sign in source for sign in "*+{") else len(source)
    return Pattern(compiled, compiled.programsize, reach)


def fits(pattern: Pattern, text: str, run: Run) -> bool:
    """Whether the whole of ``text`` fits."""
    _charge(pattern, len(text), run)
    return pattern.compiled.fullmatch(text) is not None


def occurs(pattern: Pattern, text: str, run: Run) -> bool:
    """Whether something in ``text`` fits."""
    _charge(pattern, len(text), run)
    return pattern.compiled.search(text) is not None


def finds(pattern: Pattern, text: str, run: Run) -> Iterator[tuple[int, int]]:
    """Start and end of everything in ``text`` that fits, one after another."""
    _charge(pattern, len(text), run)
    at = 0
    for found in pattern.compiled.finditer(text):
        yield found.span()
        # The next search may look as far as a match reaches, and without a bound to the end of the text.
        _charge(pattern, len(text) - at if pattern.reach is None else pattern.reach, run)
        at = found.end()


def _charge(pattern: Pattern, characters: int, run: Run) -> None:
    run.charge(_CALL + (characters * pattern.size >> _SHIFT))
