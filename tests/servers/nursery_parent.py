"""The process of :mod:`tests.servers.nursery` that is forked: ``nursery_parent.py SOCKET``.

Each process gets a keeper, which waits for it and tells its id and how it ended to whoever asked for it.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import types
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import typer.main

from sojourn.cli.app import app

#: What commands, engines that serve and the programs of tests have imported at last.
_IMPORTS = (
    "glide",
    "pydantic.type_adapter",  # by typer
    "rich.console",
    "rich.table",
    "sojourn.engine.database.sqlite.database",
    "sojourn.stores.postgres",
    "sojourn.stores.sqlite",
    "sojourn.stores.valkey",
    "sojourn.testing.interleaving.watched",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


class _Order(NamedTuple):
    """What one process is to be."""

    words: list[str]
    environment: dict[str, str]
    folder: str
    #: Standard input, output and errors, and the line to whoever asked.
    files: list[int]


def _receive(line: socket.socket) -> _Order | None:
    """The next order; None when nobody will ask any more."""
    header, files, _, _ = socket.recv_fds(line, 8, 4)
    if not header:
        return None
    text, size = b"", int.from_bytes(header, "big")
    while len(text) < size:
        text += line.recv(size - len(text))
    words, environment, folder = text.decode().split("\0")
    return _Order(json.loads(words), json.loads(environment), folder, files)


def _serve(line: socket.socket) -> _Order | None:
    """Fork for each order. Comes back in a process with what it is to be, and at the end with None."""
    while (order := _receive(line)) is not None:
        if os.fork() == 0:
            line.close()
            return _keep(order)
        for file in order.files:
            os.close(file)
    return None


def _reap(*_: object) -> None:
    """Keepers that have nothing to do any more."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _keep(order: _Order) -> _Order:
    """Comes back in the child only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = socket.socket(fileno=order.files.pop())
    pid = os.fork()
    if pid:
        for file in order.files:
            os.close(file)
        asked.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        with suppress(OSError):
            asked.send(str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    asked.close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return order


def _become(order: _Order) -> None:
    """Be what ``python words…`` would be."""
    for number, file in enumerate(order.files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    tempfile.tempdir = None
    first, *rest = order.words
    if first == "-m":
        sys.argv[:], sys.path[0] = rest, order.folder
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv[:], sys.path[0] = ["-c", *rest[1:]], ""
        sys.modules["__main__"] = module = types.ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), module.__dict__)
    else:
        sys.argv[:], sys.path[0] = order.words, str(Path(first).parent)
        runpy.run_path(first, run_name="__main__")


def main() -> None:
    for name in _IMPORTS:
        importlib.import_module(name)
    typer.main.get_command = functools.cache(typer.main.get_command)  # which the app asks for it
    typer.main.get_command(app)
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, _reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = _serve(socket.socket(fileno=int(sys.argv[1])))
    if order is not None:
        _become(order)


main()
