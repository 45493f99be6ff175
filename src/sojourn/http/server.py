"""The engine's own server: uvicorn on sockets that we bound, with our own rule for signals and the drain."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple

from uvicorn import Config, Server

from sojourn.http.protocol import Protocol
from sojourn.http.wire import AsgiApp

#: How long requests under way may go on after SIGTERM, in seconds; then they are answered 503.
DRAIN = 10

_BACKLOG = 2_048
_LAST_WORDS = 2.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger("sojourn.http")


class Served(NamedTuple):
    """One listener: an application and the sockets it answers on."""

    app: AsgiApp
    sockets: Sequence[socket.socket]


class _Server(Server):
    """A uvicorn server that leaves the signals to us and says when it accepts."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.accepts = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept."""
        await super().startup(sockets)
        self.accepts.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Nothing: uvicorn would raise the signal again at the end, and the exit would not be 0."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises ``OSError`` when the address cannot be had. Port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


async def serve(
    served: Sequence[Served],
    *,
    on_ready: Callable[[], None] = lambda: None,
    on_drain: Callable[[], None] = lambda: None,
    on_signal: Callable[[], None] = lambda: None,
    stoppable: Callable[[Callable[[], None]], None] = lambda _: None,
    drain: int = DRAIN,
) -> None:
    """Serve until SIGTERM or SIGINT, let what is under way finish for ``drain`` seconds, and return.

    ``on_ready`` is called when all listeners accept, ``on_drain`` when the end begins, ``on_signal`` at each signal; a
    second signal ends at once. ``stoppable`` is given what begins the end without a signal.
    """
    servers = [(_Server(_config(one.app, drain)), list(one.sockets)) for one in served]
    stop = _Stop([server for server, _ in servers], on_drain)

    def signalled() -> None:
        on_signal()
        stop()

    stoppable(stop)
    with _signals(signalled):
        async with asyncio.TaskGroup() as group:
            for server, sockets in servers:
                group.create_task(server.serve(sockets))
            for server, _ in servers:
                await server.accepts.wait()
            on_ready()
        left = [task for server, _ in servers for task in server.server_state.tasks]
        if left:
            await asyncio.wait(left, timeout=_LAST_WORDS)


class _Stop:
    """What ends the server: the first call begins the drain, the second ends it."""

    def __init__(self, servers: Sequence[Server], on_drain: Callable[[], None]) -> None:
        self._servers = servers
        self._on_drain = on_drain
        self._draining = False

    def __call__(self) -> None:
        if not self._draining:
            logger.info("draining")
            self._on_drain()
        for server in self._servers:
            server.should_exit = True
            server.force_exit = self._draining
        self._draining = True


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Generator[None, None, None]:
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _config(app: AsgiApp, drain: int) -> Config:
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=drain,
    )
