"""What the server says of itself: its run, its clock, its settings; and the store's own marks on it."""

from __future__ import annotations

import hashlib

from sojourn.core.errors import StoreCorrupt, StoreVersion
from sojourn.stores.base import Mark
from sojourn.stores.valkey.failures import ODD
from sojourn.stores.valkey.info import parse_info, run_of
from sojourn.stores.valkey.keys import META, PING
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.records import FORMAT


async def layout(link: Link) -> bool:
    """Whether the sessions are spread over many tags: as the first opening of this server decided.

    Raises ``StoreVersion`` where a newer engine has been.
    """
    await link.command(META, "HSETNX", META, "spread", "1" if link.place.cluster else "0", writes=False)
    await link.command(META, "HSETNX", META, "format", str(FORMAT), writes=False)
    spread, form = await link.command(META, "HMGET", META, "spread", "format")
    try:
        if int(form) > FORMAT:
            raise StoreVersion
        return bool(int(spread))
    except ODD as error:
        raise StoreCorrupt from error


async def adopt(link: Link, installation: str) -> str:
    """Write the id of the installation where none stands; the one that stands."""
    await link.command(META, "HSETNX", META, "installation", installation, writes=True)
    return str((await link.command(META, "HGET", META, "installation")).decode())


async def advance(link: Link) -> int:
    """Raise the counter."""
    return int(await link.command(META, "HINCRBY", META, "counter", "1", writes=True))


async def mark(link: Link) -> Mark:
    """Installation, counter, and a digest of the runs and histories of all primaries."""
    installation, counter = await link.command(META, "HMGET", META, "installation", "counter")
    runs = sorted(run_of(parse_info(text)) for text in (await link.everywhere("INFO")).values())
    run = runs[0] if len(runs) == 1 else hashlib.sha256(" ".join(runs).encode()).hexdigest()
    return Mark((installation or b"").decode(), int(counter or 0), run)


async def time(link: Link) -> int:
    """The server's clock in milliseconds."""
    seconds, micros = await link.command(META, "TIME")
    return int(seconds) * 1000 + int(micros) // 1000


async def prove(link: Link) -> None:
    """Raise when a primary does not answer, or the server takes no writes."""
    await link.everywhere("PING")
    await link.command(PING, "SET", PING, "1", "PX", "1000", writes=False)
