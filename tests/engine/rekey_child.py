"""Changes the master key of a project and is killed at one point of it: ``python rekey_child.py PROJECT POINT``.

At point 0 nothing happens, and it prints how many points there are.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sojourn.bootstrap import Engine
from sojourn.core.masterkey import MasterKeyFile
from sojourn.engine.keys.seals import Seals
from sojourn.identity.password import Cost, PasswordHasher

passed = 0


def point(wanted: int) -> None:
    """Die here when this is the one."""
    global passed  # noqa: PLW0603 - one process, one count
    passed += 1
    if passed == wanted:
        os.kill(os.getpid(), signal.SIGKILL)


def around(owner: type, name: str, wanted: int) -> None:
    """Let ``owner.name`` have a point before and one after it."""
    real: Callable[..., Any] = getattr(owner, name)
    if asyncio.iscoroutinefunction(real):

        async def waited(*args: Any, **options: Any) -> Any:
            point(wanted)
            result = await real(*args, **options)
            point(wanted)
            return result

        setattr(owner, name, waited)
        return

    def called(*args: Any, **options: Any) -> Any:
        point(wanted)
        result = real(*args, **options)
        point(wanted)
        return result

    setattr(owner, name, called)


async def main(project: Path, wanted: int) -> None:
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    async with Engine.open(project, hasher=hasher, recover=False) as engine:
        for owner, names in (
            (MasterKeyFile, ("keep", "write_next", "promote")),
            (Seals, ("_reseal",)),
            (type(engine.rules.db), ("write",)),
        ):
            for name in names:
                around(owner, name, wanted)
        await engine.rules.seals.rekey()
    sys.stdout.write(f"{passed}\n")


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
