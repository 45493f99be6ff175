"""One ``serve``: the sockets, the processes, and in each of them the engine with its two listeners."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from sojourn.admin.application import admin_application
from sojourn.bootstrap import Engine
from sojourn.cli.reload import Reloader
from sojourn.config.project import Project
from sojourn.core.errors import SojournError
from sojourn.engine.control import Ending
from sojourn.http.affinity import ServerId
from sojourn.http.application import Application
from sojourn.http.server import Served, bind, serve
from sojourn.stores.base import Described, Finding, SessionStore

_log = logging.getLogger("sojourn.serve")

#: New objects that outlive their making, before the garbage collector looks at them.
_COLLECT_AFTER = 20_000


class AddressTaken(SojournError):
    """The address cannot be listened on."""

    code = "serve.address"


def serve_project(project: Project, *, reload: bool = False, on_ready: Callable[[], None] = lambda: None) -> int:
    """Serve until SIGTERM or SIGINT, or until a script ends the engine; the exit code that this process shall have.

    Does not return where a script starts the engine anew: the same command takes the place of this process. Raises
    :class:`AddressTaken`, and whatever ``Engine.open`` raises.
    """
    ending = _served(project, reload=reload, on_ready=on_ready)
    if ending is not None and ending.restart:
        _begin_anew()
    return 0 if ending is None else ending.code


def _served(project: Project, *, reload: bool, on_ready: Callable[[], None]) -> Ending | None:
    server, admin = project.settings.server, project.settings.admin.address
    application = _bind(server.host, server.port)
    management = _bind(admin.host, admin.port)
    # One run of the engine has one affinity, whatever process answers.
    server_id = ServerId()
    if server.workers == 1:
        return _run(_serve(project, application, management, server_id, reload=reload, on_ready=on_ready))
    asked = _Asked()
    first = partial(_work, project, application, management, server_id, reload, asked)
    others = partial(_work, project, application, None, server_id, reload, asked)
    on_ready()
    return _supervise([first] + [others] * (server.workers - 1), asked)


def _begin_anew() -> NoReturn:
    """Put a new process image of the same command in the place of this one; files and sockets are closed with the old one."""
    _log.info("starting anew")
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - the command that runs already


class _Asked:
    """How a worker wants the whole engine ended, in memory that all processes share."""

    _EXIT, _RESTART = 1, 2

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 2)

    def __call__(self, ending: Ending) -> None:
        """Ask the supervisor of this worker, unless another one has."""
        if self._memory[0]:
            return
        self._memory[1] = ending.code
        self._memory[0] = self._RESTART if ending.restart else self._EXIT
        os.kill(os.getppid(), signal.SIGTERM)

    def read(self) -> Ending | None:
        """What was asked, None for nothing."""
        how, code = self._memory[0], self._memory[1]
        return Ending(how == self._RESTART, code) if how else None


def _work(
    project: Project,
    application: socket.socket,
    management: socket.socket | None,
    server_id: ServerId,
    reload: bool,
    ask: Callable[[Ending], None],
) -> None:
    _run(_serve(project, application, management, server_id, reload=reload, ask=ask))


async def _serve(
    project: Project,
    application: socket.socket,
    management: socket.socket | None,
    server_id: ServerId,
    *,
    reload: bool,
    on_ready: Callable[[], None] = lambda: None,
    ask: Callable[[Ending], None] | None = None,
) -> Ending | None:
    """Serve in this process; how a script has ended that. ``ask``: who is asked instead, where others serve beside it."""
    async with Engine.open(project) as engine, contextlib.AsyncExitStack() as stack:
        app = engine.application(server_id)
        served = [Served(app, [application])]
        if management is not None:
            served.append(Served(admin_application(engine.rules, app, engine.changes), [management]))
        if reload:
            stack.callback(asyncio.create_task(Reloader(engine, app).run()).cancel)
        engine.warm_up()
        _calm_collector()
        _announce(project)
        await _announce_store(engine.rules.store)
        control = engine.rules.control

        def stoppable(stop: Callable[[], None]) -> None:
            control.serve(ask or (lambda _: stop()))

        await serve(
            served,
            on_ready=on_ready,
            on_drain=lambda: _drain(app),
            on_signal=control.withdraw,
            stoppable=stoppable,
        )
        return control.ending


def _calm_collector() -> None:
    """What start-up made stays, and the cycles of requests are few: look for them less often than Python's default."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


def _announce(project: Project) -> None:
    settings = project.settings
    _log.info("serving %s on http://%s:%d", settings.project.name, settings.server.host, settings.server.port)
    _log.info("admin listener on %s", settings.admin.listen)


async def _announce_store(store: SessionStore) -> None:
    """One line of what the session store promises, and each thing that should be mended."""
    if not isinstance(store, Described):
        return
    contract = store.contract()
    _log.info("session store %s: %s", contract.name, contract.durability)
    try:
        found = await store.check()
    except SojournError as error:
        found = [Finding("warning", "check", error.message)]
    for finding in found:
        if finding.level != "ok":
            _log.warning("session store: %s: %s", finding.what, finding.text)


def _drain(app: Application) -> None:
    app.health.draining = True


def _bind(host: str, port: int) -> socket.socket:
    try:
        return bind(host, port)
    except OSError as error:
        raise AddressTaken(f"cannot listen on {host}:{port}: {error.strerror}") from None


def _run(main: Coroutine[Any, Any, Ending | None]) -> Ending | None:
    import uvloop

    return uvloop.run(main)


def _supervise(workers: Sequence[Callable[[], None]], asked: _Asked) -> Ending | None:
    """Run each worker in a process of its own and start it again when it dies; a signal ends them all.

    How a worker has asked for the end, None where nobody did, or where somebody sent a signal after that.
    """
    running = {_start(work): work for work in workers}
    ending, wanted = False, None

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal ending, wanted
        wanted = None if ending else asked.read()
        ending = True
        for pid in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    while running:
        pid, status = os.wait()
        work = running.pop(pid, None)
        if work is not None and not ending:
            _log.error("a worker ended with %d and is started again", os.waitstatus_to_exitcode(status))
            running[_start(work)] = work
    return wanted


def _start(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        work()
        code = 0
    except SojournError as error:
        _log.error("%s: %s", error.code, error.message)
    except Exception:  # noqa: BLE001 - the process ends here, its log is all that stays
        _log.exception("a worker failed")
    finally:
        os._exit(code)
