"""Random acts of one process on shared sessions; a script that the race tests start several of.

``stress.py ADDRESS RUN PROCESS PROCESSES ACTS FILE`` does ACTS acts and writes what it asked and was answered to FILE. The
clock of the history is the machine's monotonic one, so histories of several processes fit together.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from sojourn.bootstrap import open_store
from sojourn.core.clock import SystemClock
from sojourn.core.errors import SojournError
from sojourn.core.ids import new_token, secret_hash
from sojourn.model.field import append, increment, put, put_if
from sojourn.model.session import End, Identity, Rotation, Session
from sojourn.testing.interleaving.history import History
from sojourn.testing.interleaving.watched import Watched
from tests.stores.travel import packed

REALM = "stress"
TASKS = 8
#: Sessions that are changed all the time, and owners that sessions come to and leave.
HOT, OWNERS, MOST = 3, 12, 3
#: How long sessions live that expire meanwhile; and those that do not.
BRIEF, LONG = 150, 10_000_000

_AMOUNTS = ("1", "-1", "0.25", "100000000000000003", "0.1")
_now = SystemClock().now


class Clocked(History):
    """A history with the machine's clock, on which no instant comes twice."""

    def __init__(self) -> None:
        super().__init__()
        self._latest = 0

    def tick(self) -> int:
        self._latest = max(self._latest + 1, time.monotonic_ns())
        return self._latest


def sid_of(run: str, *which: object) -> str:
    """The id of a session, known to all processes."""
    digest = hashlib.sha256(f"{run}/{which}".encode()).hexdigest()
    return f"{digest[:40]}"


def owner_of_run(run: str, number: int) -> str:
    return f"a:{run}-{number}"


def a_session(sid: str, principal: str, idle: int = 0) -> Session:
    """A session that begins now."""
    now = _now()
    return Session(
        id=sid,
        realm=REALM,
        secret=secret_hash(sid),
        identity=Identity(principal=principal),
        created=now,
        last=now,
        idle=idle,
        absolute=now + LONG,
    )


class Worker:
    """One process, or one of two stores of a process."""

    def __init__(self, store: Any, run: str, number: int, workers: int, acts: int) -> None:
        self.history = Clocked()
        self._store = store
        self._run = run
        self._number = number
        self._workers = workers
        self._left = acts
        self._made = 0

    async def work(self) -> History:
        """Do all acts."""
        names = [f"{self._number}.{task}" for task in range(TASKS)]
        await asyncio.gather(*(self._task(Watched(self._store, name, self.history), name) for name in names))
        return self.history

    async def _task(self, face: Any, name: str) -> None:
        chance = random.Random(f"{self._run}{name}")
        kinds: list[Callable[[Any, random.Random, str], Awaitable[object]]] = [self._hot, self._bag, self._life]
        while self._left > 0:
            self._left -= 1
            kind = chance.choices(kinds, (4, 1, 5))[0]
            with suppress(SojournError):  # a refusal is in the history
                await kind(face, chance, name)

    async def _hot(self, face: Any, chance: random.Random, name: str) -> None:
        sid = sid_of(self._run, "hot", chance.randrange(HOT))
        x = chance.random()
        if x < 0.6:
            ops = [increment("n", chance.choice(_AMOUNTS)), put(f"w{name}", f'"{new_token()}"')]
            ops += [append("log", f'"{name}"')] if x < 0.02 else []
            await face.change(REALM, sid, 1, ops, _now())
            return
        loaded = await face.load(REALM, sid, _now())
        if x < 0.85:
            seen = loaded.fields.get("cas")
            await face.change(REALM, sid, 1, [put_if("cas", f'"{name}"', seen.version if seen else 0)], _now())

    async def _bag(self, face: Any, chance: random.Random, name: str) -> None:
        sid = sid_of(self._run, "sharing", chance.randrange(2))
        ops = [increment("n", chance.choice(_AMOUNTS)), put(f"w{name}", f'"{new_token()}"')]
        await face.change_bag(REALM, sid, 1, ops, _now(), idle=LONG)

    async def _life(self, face: Any, chance: random.Random, _: str) -> None:
        owner = owner_of_run(self._run, chance.randrange(OWNERS))
        idle = BRIEF if chance.random() < 0.3 else 0
        if chance.random() < 0.2:
            self._made += 1
            new = a_session(sid_of(self._run, self._number, self._made), owner if chance.random() < 0.7 else "", idle)
            await face.create(new, {"x": "1"}, _now(), most=MOST if new.principal else None)
            return
        which = max(1, self._made - chance.randrange(30))
        sid, epoch = sid_of(self._run, chance.randrange(self._workers), which), chance.choice([1, 1, 1, 2, 3])
        x = chance.random()
        if x < 0.2:
            keep = frozenset({"x"}) if chance.random() < 0.5 else None
            to, most = (owner, MOST) if chance.random() < 0.8 else ("", None)
            await face.rotate(REALM, sid, epoch, _rotation(to, idle, keep), _now(), most=most)
        elif x < 0.5:
            ops = [put("y", f'"{new_token()}"'), increment("z")]
            await face.change(REALM, sid, epoch, ops, _now(), idle=idle if chance.random() < 0.1 else None)
        elif x < 0.6:
            await face.change(REALM, sid, epoch, [], _now())
        elif x < 0.8:
            await face.load(REALM, sid, _now())
        elif x < 0.9:
            now = _now()
            await face.end(REALM, sid, End("logout", now), now, epoch=epoch if chance.random() < 0.5 else None)
        else:
            await face.list(REALM, owner, _now())


def _rotation(owner: str, idle: int, keep: frozenset[str] | None) -> Rotation:
    fresh = a_session(new_token(), owner, idle)
    return Rotation(
        secret=fresh.secret,
        identity=fresh.identity,
        device=fresh.device,
        fences=fresh.fences,
        idle=idle,
        absolute=fresh.absolute,
        keep=keep,
    )


async def main(address: str, run: str, *args: str) -> None:
    *numbers, file = args
    store: Any = await open_store(address)
    number, workers, acts = map(int, numbers)
    history = await Worker(store, run, number, workers, acts).work()
    await store.close()
    Path(file).write_bytes(packed(history))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
