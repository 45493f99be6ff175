"""Power failures: processes run on a disk that keeps only what was synced, and the plug is pulled.

The library ``unsynced.c`` is built with the C compiler of the machine and loaded before libc; nothing else is needed.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SOURCE = Path(__file__).with_name("unsynced.c")
_PAGE = 4096
#: Files that the operating system keeps in memory only.
_VOLATILE = ("-shm",)

COMPILER = shutil.which("cc")


class Disk:
    """A folder on a disk without a battery, for processes that are started with :meth:`power`.

    One that is ``lying`` says to every sync that it is done and does nothing.
    """

    def __init__(self, folder: Path, *, lying: bool = False) -> None:
        assert COMPILER is not None
        self._lying = lying
        self.root = folder / "disk"
        self.root.mkdir()
        self._shadow = folder / "shadow"
        self._shadow.mkdir()
        self._shadow.chmod(0o777)  # a server may run as somebody else
        self._library = folder / "unsynced.so"
        options = ["-shared", "-fPIC", "-O2", "-Wall", "-Werror"]
        subprocess.run([COMPILER, *options, "-o", str(self._library), str(_SOURCE), "-ldl"], check=True)

    def power(self) -> Mapping[str, str]:
        """The environment of the processes on this disk. What is there now, whoever wrote it, is on the disk."""
        for old in self._shadow.iterdir():
            old.unlink()
        for file in self._files():
            self._save(file)
        return {**os.environ, **self.wires()}

    def wires(self) -> Mapping[str, str]:
        """What :meth:`power` adds to the environment."""
        if self._lying:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "UNSYNCED_ROOT": str(self.root.resolve()),
            "UNSYNCED_SHADOW": str(self._shadow.resolve()),
        }

    def lose_power(self, chance: random.Random | None = None, *, in_order: bool = False) -> None:
        """What a machine finds after the failure; every process of the disk has been killed before.

        Without ``chance`` all is lost that was not synced; with it each page that was not synced may have reached the
        disk or not, and the length of a file too; ``in_order``: of files that only grow a part of what was appended.
        """
        for file in self._files():
            if file.name.endswith(_VOLATILE):
                file.unlink()
                continue
            shadow = self._shadow_of(file)
            durable = shadow.read_bytes() if shadow.exists() else b""
            live, left = file.read_bytes(), _shortened if in_order else _mixed
            if live != durable:
                file.write_bytes(durable if chance is None else left(live, durable, chance))

    def _save(self, file: Path) -> None:
        shadow, owner = self._shadow_of(file), file.stat()
        shutil.copy(file, shadow)
        os.chown(shadow, owner.st_uid, owner.st_gid)

    def _files(self) -> list[Path]:
        return [file for file in self.root.rglob("*") if file.is_file()]

    def _shadow_of(self, file: Path) -> Path:
        return self._shadow / str(file.relative_to(self.root)).replace("/", "%")


def _mixed(live: bytes, durable: bytes, chance: random.Random) -> bytes:
    length = chance.choice([len(live), len(durable)])
    pages = []
    for at in range(0, length, _PAGE):
        page = chance.choice([live, durable])[at : at + _PAGE]
        pages.append(page.ljust(min(_PAGE, length - at), b"\0"))
    return b"".join(pages)[:length]


def _shortened(live: bytes, durable: bytes, chance: random.Random) -> bytes:
    return live[: chance.randint(len(durable), len(live))] if live.startswith(durable) else durable
