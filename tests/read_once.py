"""What a test run need not read or make again for each of its tests."""

from __future__ import annotations

import functools

import typer.main

from sojourn.config.project import Project
from sojourn.pipelines.deployment import Deployment, load_pipelines

#: The command line's own tree of commands; making it takes longer than most commands do.
command_tree = functools.cache(typer.main.get_command)

#: Pipelines by what is in their files and realms.
_pipelines: dict[object, Deployment] = {}


def pipelines_once(project: Project) -> Deployment:
    """The pipelines of ``project``; reading the same files again takes longer than most tests."""
    files = sorted((project.settings.project / "pipelines").glob("*"))
    known = (str(project.realms), *((file.name, file.read_bytes()) for file in files))
    return _pipelines.get(known) or _pipelines.setdefault(known, load_pipelines(project))
