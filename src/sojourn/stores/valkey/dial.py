"""Making a connection: the way to the server, who asks, which database, and whether it is a primary."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from hiredis import ReplyError

from sojourn.config.valkey_url import Place
from sojourn.core.errors import StoreReadOnly, StoreUnavailable, Unavailable
from sojourn.stores.valkey.failures import ODD, refusal
from sojourn.stores.valkey.info import parse_info, run_of
from sojourn.stores.valkey.packing import packed, paired
from sojourn.stores.valkey.wire import Wire

#: Seconds until a connection stands, for each host.
CONNECT_WITHIN = 3.0

#: What the server's list of clients shows.
NAME = "sojourn"

# Seconds of silence after which the system asks whether the other side is there, between two questions; and how many.
_KEEPALIVE = (5, 1, 3)


class Reached(NamedTuple):
    """A connection that is ready."""

    wire: Wire
    #: Run and history of the server: another text, and it is another server or another run of it.
    run: str


async def dial(place: Place, on_end: Callable[[Wire], None]) -> Reached:
    """Connect to the primary among the hosts. Raises ``StoreUnavailable``; ``StoreReadOnly`` when there are replicas only."""
    worst: Unavailable | None = None
    for host, port in place.hosts or (("", 0),):
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                return await _greeted(place, await _connect(place, host, port, on_end))
        except StoreReadOnly as error:
            worst = error
        except StoreUnavailable as error:
            worst = worst or error
        except ssl.SSLError:
            worst = worst or StoreUnavailable(f"the TLS certificate of {place.text} cannot be trusted")
        except (OSError, TimeoutError):
            worst = worst or refusal("", place.text)
    raise worst or refusal("", place.text)


async def _connect(place: Place, host: str, port: int, on_end: Callable[[Wire], None]) -> Wire:
    loop = asyncio.get_running_loop()
    if not host:
        _, wire = await loop.create_unix_connection(lambda: Wire(on_end), place.socket)
        return wire
    tls = ssl.create_default_context(cafile=str(place.ca) if place.ca else None) if place.tls else None
    transport, wire = await loop.create_connection(lambda: Wire(on_end), host, port, ssl=tls)
    _keep_alive(transport.get_extra_info("socket"))
    return wire


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    names = ("TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE", "TCP_KEEPINTVL", "TCP_KEEPCNT")
    for name, value in zip(names, _KEEPALIVE, strict=True):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


async def _greeted(place: Place, wire: Wire) -> Reached:
    try:
        return Reached(wire, await _greet(place, wire))
    except ODD as error:
        wire.end()
        raise refusal("", place.text) from error
    except BaseException:
        wire.end()
        raise


async def _greet(place: Place, wire: Wire) -> str:
    """All of it in one write; whoever is refused by the first answer is refused by the others. The run of the server."""
    hello = ["HELLO", "2"]  # not 3: the parser needs five times as long for a map as for a list
    if place.user or place.password:
        hello += ["AUTH", place.user or "default", place.password]
    words = [[*hello, "SETNAME", NAME], ["SELECT", str(place.database)], ["INFO", "server"], ["INFO", "replication"]]
    about, selected, server, replication = await wire.ask([packed(one) for one in words])
    for answer in (about, selected, server, replication):
        if isinstance(answer, ReplyError):
            raise _refused(str(answer), place)
    if paired(about)[b"role"] != b"master":
        raise refusal("ReadOnly", place.text)
    if wire.over:
        raise refusal("", place.text)
    return run_of({**parse_info(server), **parse_info(replication)})


def _refused(text: str, place: Place) -> Unavailable:
    if "NOPROTO" in text or "unknown command" in text:
        return StoreUnavailable(f"the server at {place.text} is too old: Redis 6.2 or newer, or Valkey, is needed")
    if "DB index" in text:
        return StoreUnavailable(f"the server at {place.text} has no database {place.database}")
    return refusal(text, place.text)
