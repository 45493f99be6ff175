"""Where the text of scripts comes from."""

from __future__ import annotations

from sojourn.scripting.files.sources import Source, Sources

__all__ = ["Source", "Sources"]
