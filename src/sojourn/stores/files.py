"""What is found of a database file on this machine: its file system, and who may read it."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

from sojourn.stores.base import Finding

#: Their locks or syncs cannot be relied on.
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "9p", "ceph", "lustre", "gpfs", "beegfs", "glusterfs"}
    | {"fuse.sshfs", "fuse.glusterfs", "fuse.cephfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs"}
)

#: What lies on them is gone after a restart.
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")


def file_system(path: Path) -> Iterator[Finding]:
    """Whether the file system under ``path`` keeps what it was told."""
    kind = filesystem_of(path)
    if kind in NETWORK:
        text = f"{kind} is a network file system: its locks and syncs do not hold. Move the file to a local disk"
        yield Finding("failure", "file system", text)
    elif kind in VOLATILE:
        text = f"{kind} is gone after a restart of the machine or container, and with it all sessions"
        yield Finding("warning", "file system", text)
    elif kind:
        yield Finding("ok", "file system", kind)
    else:
        yield Finding("warning", "file system", "its kind cannot be seen here; it must be a local disk")


def permissions(path: Path) -> Iterator[Finding]:
    """Who may read a SQLite file and what lies beside it."""
    beside = [path.with_name(path.name + end) for end in ("-wal", "-shm", ".writer")]
    for file in [path, *(file for file in beside if file.exists())]:
        yield _mode(file, 0o600)
    yield _mode(path.parent, 0o700)


def _mode(file: Path, wanted: int) -> Finding:
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & ~wanted & 0o077:
        text = f"{file.name} is open to others on this machine ({mode:04o}): chmod {wanted:o} it"
        return Finding("warning", "permissions", text)
    return Finding("ok", "permissions", f"{file.name} {mode:04o}")


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
