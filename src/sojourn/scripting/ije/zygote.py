"""The parent of all workers of ``ije``: loads everything once and forks. It has one thread and never runs a script."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

from sojourn.scripting.ije.bytecode import prelude_of
from sojourn.scripting.ije.child import PACKET, Child
from sojourn.scripting.ije.library import WrongLibrary, load, own_system

#: Address space that a worker may take beyond what it has when it begins and beyond its JavaScript values, in bytes.
_BESIDE: Final = 192 << 20

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


class Zygote:
    """Forks a worker for each order, says when one has ended, and ends with the server."""

    def __init__(self, control: socket.socket, child: Child) -> None:
        self._control = control
        self._child = child
        self._system = own_system()
        self._space = _address_space()
        #: Numbers of the workers by their process ids; a pid stays ours until it was waited for.
        self._workers: dict[int, int] = {}

    def serve(self) -> None:
        """Take orders until the server hangs up."""
        wake, woken = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        control = self._control.fileno()
        while True:
            ready, _, _ = select.select([control, wake], [], [])
            if wake in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake, 4096)
                self._bury()
            if control in ready and not self._order():
                return

    def _order(self) -> bool:
        message, handed, _, _ = socket.recv_fds(self._control, PACKET, 1)
        if not message:
            return False
        order = json.loads(message)
        if order["op"] == "fork":
            try:
                self._fork(order["worker"], handed[0], order["memory"])
            except (OSError, IndexError) as error:
                # No more processes, or no descriptor: that is said, and the others live on.
                self._tell({"worker": order["worker"], "refused": repr(error)})
            for end in handed:
                os.close(end)
        else:
            self._kill(order["worker"])
        return True

    def _fork(self, worker: int, end: int, memory: int) -> None:
        pid = os.fork()
        if pid == 0:
            try:
                self._child.serve(_confined(self._system, self._space, end, memory))
            finally:
                os._exit(1)
        self._workers[pid] = worker
        self._tell({"worker": worker, "pid": pid})

    def _kill(self, worker: int) -> None:
        for pid, number in self._workers.items():
            if number == worker:
                os.kill(pid, signal.SIGKILL)

    def _bury(self) -> None:
        while self._workers:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            worker = self._workers.pop(pid, None)
            if worker is not None:
                self._tell({"worker": worker, "ended": os.waitstatus_to_exitcode(status)})

    def _tell(self, message: dict[str, Any]) -> None:
        self._control.send(json.dumps(message).encode())


def _confined(system: Any, space: int, end: int, memory: int) -> socket.socket:
    """This process as a worker: its socket is all that it has, and it can get nothing more."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(end, 0, inheritable=False)
    os.closerange(1, max(1024, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 20)))
    if sys.platform == "linux":
        prctl = system.prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        space += memory + _BESIDE
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, 1))
    return socket.socket(fileno=0)


def _address_space() -> int:
    """What this process has of it, in bytes."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text("ascii").split()[0]) * resource.getpagesize() if statm.exists() else 0


def main() -> None:
    """The zygote's life: the prelude comes from standard input, orders come on the socket whose number is the argument."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        library = load()
    except WrongLibrary as error:
        control.send(json.dumps({"missing": str(error)}).encode())
        return
    given = json.load(sys.stdin.buffer)
    child = Child(library, prelude_of(library, given))
    child.warm_up()
    zygote = Zygote(control, child)
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):
            own_system().malloc_trim(0)
    gc.freeze()
    gc.disable()
    # Where the server is gone there is nobody left to be told.
    with contextlib.suppress(ConnectionError):
        control.send(b'{"ready":true}')
        zygote.serve()
