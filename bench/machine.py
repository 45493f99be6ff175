"""What the figures were measured on, without naming the machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path


def describe() -> str:
    """Processor, system and versions, as the reports show them."""
    node = shutil.which("node")
    found = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    parts = [
        f"{os.cpu_count()} cores, {_processor()}",
        f"{platform.system()} {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        f"Node {found.strip() or 'none'}",
    ]
    return ", ".join(parts)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.machine()
