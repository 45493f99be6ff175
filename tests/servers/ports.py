"""Ports for servers that are told where to listen.

The system gives each outgoing connection one of its ephemeral ports, so a port of those that was free a moment ago may be
taken when the server comes to it. These lie below them, and each test process has its own.
"""

from __future__ import annotations

import os
import random
import socket

#: The first port and how many there are; the cluster bus of a Valkey listens 10,000 above its port.
_FIRST, _COUNT = 12_000, 9_600
#: Test processes that have ports of their own; beyond so many they share.
_PROCESSES = 12

_chance = random.SystemRandom()
#: Ports that were given away: who got one may not listen on it yet.
_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, nor on the one 10,000 above; another one at each call."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _PROCESSES
    mine = range(_FIRST + number, _FIRST + _COUNT, _PROCESSES)
    while True:
        port = _chance.choice(mine)
        if port not in _given and _is_free(port) and _is_free(port + 10_000):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
