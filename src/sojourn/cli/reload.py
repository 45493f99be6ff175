"""``serve --reload``: a changed project is read again; one that cannot be read leaves the last good one serving."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from sojourn.bootstrap import Engine
from sojourn.config.problems import ConfigError
from sojourn.config.project import load_project
from sojourn.http.application import Application
from sojourn.pipelines.deployment import load_pipelines
from sojourn.scripting.routes.table import load_routes

_log = logging.getLogger("sojourn.reload")

#: Seconds between two looks at the files.
LOOK_EVERY = 0.5

_WATCHED = ("sojourn.toml", "realms/**/*.json", "pipelines/**/*.yaml", "providers/*.yaml", "routes/*.y*ml")


class Reloader:
    """Watches the files of one project."""

    def __init__(self, engine: Engine, app: Application) -> None:
        self._engine = engine
        self._app = app
        self._seen = self._state()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            state = self._state()
            if state != self._seen:
                self._seen = state
                await self.reload()

    async def reload(self) -> bool:
        """Read the project again; False when it has errors: then nothing changes and the log names them."""
        folder = self._engine.project.settings.project
        try:
            project = load_project(folder, os.environ)
            deployment, routes = load_pipelines(project), load_routes(project)
        except ConfigError as error:
            self._app.health.stale = [str(problem) for problem in error.problems]
            for problem in error.problems:
                _log.error("not reloaded: %s", problem)
            return False
        await self._engine.deploy(project, deployment, routes)
        self._app.deploy(deployment, routes)
        self._engine.warm_up()
        self._app.health.stale = []
        counts = (len(project.realms), len(deployment.plans()), len(routes.routes()))
        _log.info("reloaded %d realms, %d pipelines, %d routes", *counts)
        return True

    def _state(self) -> frozenset[tuple[Path, int, int]]:
        folder = self._engine.project.settings.project
        found = {path for pattern in _WATCHED for path in folder.glob(pattern)}
        return frozenset(_stamp(path) for path in found)


def _stamp(path: Path) -> tuple[Path, int, int]:
    try:
        info = path.stat()
    except OSError:
        return path, 0, 0
    return path, info.st_mtime_ns, info.st_size
