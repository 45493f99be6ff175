"""The way to the server: the address with what the store needs of a connection, and what is refused at once."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import conninfo
from psycopg.rows import TupleRow

from sojourn.config.addresses import is_loopback
from sojourn.core.errors import StoreReadOnly, StoreUnavailable
from sojourn.stores.libpq.failures import wrong_isolation

Connection = psycopg.AsyncConnection[TupleRow]

#: Seconds that connecting may take, and an act from its call to its answer. Below 5, so that a caller always hears.
CONNECT = 4
PATIENCE = 4.5

# A connection whose other end has silently gone is noticed while it is idle, not by the act that needs it.
_DEFAULTS = {
    "application_name": "sojourn",
    "keepalives_idle": "30",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}

_PLAIN = "the connection to PostgreSQL leaves this machine without TLS; add sslmode=verify-full to the URL of the store"


def read_url(url: str) -> dict[str, Any]:
    """The connection parameters in ``url``; raises ``StoreUnavailable``, which never repeats the URL."""
    try:
        given = conninfo.conninfo_to_dict(url)
        timeout = min(int(given.get("connect_timeout") or CONNECT), CONNECT)
    except (psycopg.Error, ValueError):
        raise StoreUnavailable("the URL of the store is not one that PostgreSQL understands") from None
    if "," in f"{given.get('host', '')}{given.get('hostaddr', '')}":
        given.setdefault("target_session_attrs", "primary")
    return {**_DEFAULTS, **given, "client_encoding": "UTF8", "connect_timeout": timeout}


async def connect(parameters: dict[str, Any]) -> Connection:
    """A connection, without a transaction around its statements. Raises ``psycopg.Error``, ``StoreUnavailable``.

    Refused when session data would cross a network in the clear.
    """
    try:
        async with asyncio.timeout(CONNECT + 0.3):
            connection = await psycopg.AsyncConnection.connect(autocommit=True, **parameters)
    except TimeoutError:
        raise StoreUnavailable("PostgreSQL does not answer") from None
    if not is_private(connection):
        connection.pgconn.finish()
        raise StoreUnavailable(_PLAIN)
    return connection


async def reach(parameters: dict[str, Any]) -> Connection:
    """:func:`connect` for an operator, who is told the reason."""
    try:
        return await connect(parameters)
    except psycopg.Error as error:
        raise StoreUnavailable(f"PostgreSQL cannot be reached: {str(error).strip()}") from error


def connect_here(parameters: dict[str, Any]) -> psycopg.Connection[TupleRow]:
    """As :func:`connect`, for a thread of its own."""
    connection = psycopg.Connection.connect(autocommit=True, prepare_threshold=None, **parameters)
    if not is_private(connection):
        connection.pgconn.finish()
        raise StoreUnavailable(_PLAIN)
    return connection


def examine(*, replica: bool, isolation: str, encoding: str) -> None:
    """Refuse a server that would not keep what a store promises: ``StoreReadOnly``, ``StoreUnavailable``."""
    if replica:
        raise StoreReadOnly("this PostgreSQL server is a replica; the store needs the primary")
    if isolation != "read committed":
        raise wrong_isolation()
    if encoding != "UTF8":
        raise StoreUnavailable(f"the database has the encoding {encoding}; the store needs UTF8")


def is_private(connection: psycopg.BaseConnection[Any]) -> bool:
    """Whether nobody on a network can read along: TLS, a socket file, or loopback."""
    info = connection.info
    host = info.hostaddr or info.host
    return bool(connection.pgconn.ssl_in_use) or host.startswith(("/", "@")) or is_loopback(host)


@contextmanager
def patience(connection: Connection, seconds: float = PATIENCE) -> Iterator[None]:
    """Around statements that psycopg itself runs: cut the line when they take longer, which ends them with an error.

    Cancelling would first ask the server, which may be what does not answer.
    """
    timer = asyncio.get_running_loop().call_later(seconds, cut, connection.pgconn.socket)
    try:
        yield
    finally:
        timer.cancel()


def cut(descriptor: int) -> None:
    """Hang up: who waits for an answer on this line gets an error. The caller knows that the line is still open."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)
