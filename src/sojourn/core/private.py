"""Files and folders that belong to who runs the engine, and to nobody else."""

from __future__ import annotations

import os
from pathlib import Path


def make_private(path: Path) -> None:
    """Make folder (mode 0700) and empty file (mode 0600); what exists is left as it is.

    An existing file is not even opened: to close it again would drop the locks that other connections of this process
    hold on it, as POSIX has it, and another process could take away the log below them.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
