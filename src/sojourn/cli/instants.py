"""Instants as people type them: in ISO 8601, or as so long ago."""

from __future__ import annotations

from sojourn.cli.durations import parse_duration
from sojourn.core.clock import parse_iso


def instant(text: str | None, now: int) -> int | None:
    """``text`` in milliseconds since 1970, None for none; raises ``BadParameter``."""
    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError:
        return now - parse_duration(text)
