"""What the rows about scripts share: a process that measures workers, on the core of servers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec

from bench import cores
from bench.errors import BenchError
from bench.harness import ROOT
from bench.server import python

SCRIPTS = Path(__file__).parent.parent / "scripts"


def measured(*arguments: str) -> dict[str, Any]:
    """What ``bench.apps.workers`` says."""
    return run(python("-m", "bench.apps.workers", *arguments))


def run(command: list[str]) -> dict[str, Any]:
    """The JSON that a command prints; raises :class:`BenchError` when it fails."""
    with cores.on_core(cores.SERVER_CORE):
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise BenchError(f"{command[1:4]} ended with exit code {done.returncode}: {done.stderr[-1000:]}")
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found
