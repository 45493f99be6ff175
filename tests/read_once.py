"""What a test run need not read or make again for each of its tests."""

from __future__ import annotations

import fcntl
import functools
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import pytest
import typer.main

from sojourn.config.project import Project
from sojourn.pipelines.deployment import Deployment, load_pipelines

T = TypeVar("T")

#: The command line's own tree of commands; making it takes longer than most commands do.
command_tree = functools.cache(typer.main.get_command)

#: Pipelines by what is in their files and realms.
_pipelines: dict[object, Deployment] = {}


def pipelines_once(project: Project) -> Deployment:
    """The pipelines of ``project``; reading the same files again takes longer than most tests."""
    files = sorted((project.settings.project / "pipelines").glob("*"))
    known = (str(project.realms), *((file.name, file.read_bytes()) for file in files))
    return _pipelines.get(known) or _pipelines.setdefault(known, load_pipelines(project))


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What ``make`` makes in a folder for all test processes of a run; the first of them makes it, nobody changes it."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = place.with_suffix(".made")
        if not made.exists():
            place.mkdir()
            made.write_bytes(pickle.dumps(make(place)))
    return cast("T", pickle.loads(made.read_bytes()))
