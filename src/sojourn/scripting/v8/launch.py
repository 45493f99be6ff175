"""Becomes Deno: run with the server's process id and Deno's command line, without anything of Sojourn imported.

What is set here cannot be set on a process that already runs, nor safely between ``fork`` and ``exec`` of a server with
threads: no privileges through set-uid programs, and an end together with the server, even in an endless loop.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


def _main(parent: int, command: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        system = ctypes.CDLL(None, use_errno=True)
        if system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or system.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
            sys.exit("prctl failed")
        if os.getppid() != parent:
            sys.exit("the server is gone")
    os.execv(command[0], command)  # noqa: S606 - the path of the wheel's own program


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
