"""What INFO says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def parse_info(text: Any) -> Mapping[str, str]:
    """What it says, by name."""
    lines = (text.decode() if isinstance(text, bytes) else str(text)).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))


def run_of(info: Mapping[str, str]) -> str:
    """Run and history of a server: another text, and it is another server or another run of it."""
    return f"{info['run_id']}:{info['master_replid']}"
