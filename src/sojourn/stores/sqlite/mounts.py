"""On which kind of file system a file lies."""

from __future__ import annotations

import re
from pathlib import Path

#: Their locks or syncs cannot be relied on.
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre", "gpfs", "beegfs", "glusterfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.cephfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs"}
)

#: What lies on them is gone after a restart.
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def filesystem_of(path: Path, mounts: Path = _MOUNTS) -> str:
    """The kind of file system as the kernel names it (``ext4``, ``nfs4`` …); empty where it cannot be seen."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    there = path.resolve()
    found = [
        (len(point.parts), number, kind)
        for number, (point, kind) in enumerate(map(_mount, lines))
        if there.is_relative_to(point)
    ]
    # Of several at one place the last hides the others.
    return max(found)[2] if found else ""


def _mount(line: str) -> tuple[Path, str]:
    before, _, after = line.partition(" - ")
    point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), before.split()[4])
    return Path(point), after.split()[0]
