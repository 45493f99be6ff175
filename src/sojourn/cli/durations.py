"""Durations as people type them: ``3m``, ``90s``, ``1h``."""

from __future__ import annotations

import re

import typer

from sojourn.core.clock import DAY, HOUR, MINUTE, SECOND

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d)")


def parse_duration(text: str) -> int:
    """``text`` in milliseconds; raises ``BadParameter``."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no duration: a number with ms, s, m, h or d, such as 3m")
    return int(match[1]) * _UNITS[match[2]]
