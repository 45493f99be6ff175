"""Serves the project folder that it is given on two free ports, as ``sojourn serve`` does, and prints them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import uvloop

from sojourn.admin.application import admin_application
from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.http.server import Served, bind, serve


async def main(folder: Path, drain: int) -> None:
    first, second = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
    port, admin_port = first.getsockname()[1], second.getsockname()[1]
    overrides = {"server.port": str(port), "admin.listen": f"http://127.0.0.1:{admin_port}"}
    async with Engine.open(load_project(folder, {}, overrides)) as engine:
        app = engine.application()

        def begin_drain() -> None:
            app.health.draining = True

        served = [Served(app, [first]), Served(admin_application(engine.rules, app, engine.changes), [second])]
        ready = lambda: print(port, admin_port, flush=True)  # noqa: E731, T201
        await serve(served, on_ready=ready, on_drain=begin_drain, drain=drain)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
