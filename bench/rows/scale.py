"""A store with many sessions, made through its own port; P15 and P16 work on it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench.row import Bench
from sojourn.bootstrap import open_store
from sojourn.core.ids import new_token, secret_hash
from sojourn.model.session import Device, Identity, Session
from sojourn.stores.base import Lifecycle, SessionStore

REALM = "bench-realm"
#: Sessions of one account.
SESSIONS_EACH = 10
_TOGETHER = 256
_DAY = 86_400_000
_NOTE = '"' + "x" * 500 + '"'


def filled(bench: Bench, count: int) -> Path:
    """The file of a SQLite store with ``count`` live sessions of about 0.5 KB; made at the first call."""
    return bench.shared(f"store of {count}", lambda: asyncio.run(_fill(bench.folder() / "state.db", count)))


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def session(number: int, *, lives: int = _DAY) -> Session:
    """The session of that number, of the account ``number // SESSIONS_EACH``; it dies ``lives`` ms from now."""
    created = now()
    return Session(
        id=name(number),
        realm=REALM,
        secret=secret_hash(new_token()),
        identity=Identity(principal=principal(number), user_key=number // SESSIONS_EACH + 1, login_at=created),
        device=Device(client="c", address="192.0.2.1", agent="bench"),
        created=created,
        last=created,
        absolute=created + lives,
    )


def name(number: int) -> str:
    """The public id of the session of that number: as scattered as a random one."""
    return secret_hash(f"bench {number}").hex()


def principal(number: int) -> str:
    """The account of the session of that number."""
    return f"a:{number // SESSIONS_EACH + 1}"


async def add(store: SessionStore, numbers: range, *, lives: int = _DAY) -> None:
    """Create the sessions of these numbers."""
    for first in range(numbers.start, numbers.stop, _TOGETHER):
        some = range(first, min(first + _TOGETHER, numbers.stop))
        made = (session(number, lives=lives) for number in some)
        await asyncio.gather(*(store.create(one, {"note": _NOTE, "count": "0"}, one.created) for one in made))


async def close(store: SessionStore) -> None:
    """Let go of the store."""
    assert isinstance(store, Lifecycle)
    await store.close()


async def _fill(path: Path, count: int) -> Path:
    store = await open_store(f"sqlite:///{path}")
    await add(store, range(count))
    await close(store)
    return path
