"""What is found without an id: lists in order, counts, and what the sweeper has to do."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Literal

from sojourn.model.session import Session, Tombstone
from sojourn.stores.base import Count, Cursor, Swept
from sojourn.stores.valkey import keys
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.packing import paired
from sojourn.stores.valkey.registry import Claim, Registry
from sojourn.stores.valkey.scripts import scripts
from sojourn.stores.valkey.sessions import Sessions

_Kind = Literal["anonymous", "account", "external"]

# Elements of an answer of sweep.lua for each session.
_ENTRY = 6


class Lists:
    """Indexes by creation, one for each tag, merged."""

    def __init__(self, link: Link, names: keys.Keys, registry: Registry, sessions: Sessions) -> None:
        self._link = link
        self._names = names
        self._registry = registry
        self._sessions = sessions
        self._due: deque[str] = deque()

    async def live(
        self, realm: str, owner: str | None, now: int, after: Cursor | None, limit: int
    ) -> Sequence[Session]:
        """Live sessions in order; those that are found past their limits get their tombstones."""
        names = self._indexes(keys.live, realm) if owner is None else [self._names.registry(realm, owner).claimed]
        live: list[Session] = []
        while len(live) < limit:
            page = await self._page(names, after, limit)
            over = []
            for record in await self._registry.records([sid for _, sid in page]):
                if record is None or record.end or not record.is_of(realm, record.owner if owner is None else owner):
                    continue
                if record.death(now) is None:
                    live.append(record.session)
                else:
                    over.append(record.session.id)
            await asyncio.gather(*(self._sessions.settle(realm, sid, now) for sid in over))
            if len(page) < limit:
                break
            after = page[-1]
        return live[:limit]

    async def ended(self, realm: str, owner: str | None, after: Cursor | None, limit: int) -> Sequence[Tombstone]:
        """Tombstones in order. Those of an owner are also sought among its claims: one may not be released yet."""
        registry = self._names.registry(realm, owner or "")
        names = self._indexes(keys.ended, realm) if owner is None else [registry.claimed, registry.ended]
        stones: list[Tombstone] = []
        while len(stones) < limit:
            page = await self._page(names, after, limit)
            found = [record for record in await self._registry.records([sid for _, sid in page]) if record]
            stones += [
                record.stone
                for record in found
                if record.stone and record.is_of(realm, record.owner if owner is None else owner)
            ]
            if len(page) < limit:
                break
            after = page[-1]
        return stones[:limit]

    async def counts(self) -> Sequence[Count]:
        """Sessions without tombstone, by realm and kind."""
        total: Counter[tuple[str, _Kind]] = Counter()
        for found in await self._link.read([("HGETALL", keys.counts(tag)) for tag in self._names.tags]):
            for name, live in paired(found).items():
                total[_split(name.decode())] += int(live)
        return [Count(realm, kind, live) for (realm, kind), live in sorted(total.items()) if live]

    async def sweep(self, now: int, most: int) -> Swept:
        """One turn. It goes on where the last one stopped, and looks over all tags once before it says that nothing is due."""
        handled, looked = 0, False
        while handled < most:
            if not self._due:
                if looked:
                    return Swept(handled, more=False)
                self._due.extend(await self._tags_due(now))
                looked = True
                continue
            tag = self._due.popleft()
            done, more = await self._sweep_tag(tag, now, most - handled)
            handled += done
            if more:
                self._due.appendleft(tag)
        return Swept(handled, more=True)

    async def _sweep_tag(self, tag: str, now: int, most: int) -> tuple[int, bool]:
        answer = await self._link.script(scripts().sweep, (keys.due(tag),), (tag, str(now), str(most)), writes=False)
        handled, seen, *entries = answer
        await asyncio.gather(*(self._let_go(entries[i : i + _ENTRY]) for i in range(0, len(entries), _ENTRY)))
        return int(handled), int(seen) == most

    async def _let_go(self, entry: Sequence[bytes]) -> None:
        sid, realm, owner, nonce, created, at = (part.decode() for part in entry)
        claim = Claim(realm, owner, sid, int(created), 0)
        await self._registry.release(claim, nonce, "died" if at else "forgotten", int(at or 0))

    async def _tags_due(self, now: int) -> list[str]:
        if not self._names.spread:
            return list(self._names.tags)
        found = await self._link.read([due_by(keys.due(tag), now, 1) for tag in self._names.tags])
        return [tag for tag, due in zip(self._names.tags, found, strict=True) if due]

    def _indexes(self, name: Callable[[str, str], str], realm: str) -> list[str]:
        return [name(tag, realm) for tag in self._names.tags]

    async def _page(self, names: Sequence[str], after: Cursor | None, limit: int) -> list[Cursor]:
        """The next ``limit`` of all of ``names`` together; of an index that may hold more before the last one, more is read."""
        per = limit + 1 if len(names) == 1 else max(2, 2 * limit // len(names))
        found: dict[str, list[Cursor]] = {}
        ask = list(names)
        while ask:
            got = await self._heads(ask, after, per)
            found |= {name: [one for one in page if after is None or one > after] for name, page in got.items()}
            merged = sorted({one for page in found.values() for one in page})[:limit]
            last = merged[-1] if len(merged) == limit else None
            ask = [name for name, page in got.items() if len(page) == per and (last is None or page[-1] < last)]
            per *= 4
        return merged if names else []

    async def _heads(self, names: Sequence[str], after: Cursor | None, most: int) -> dict[str, list[Cursor]]:
        start = str(after[0]) if after else "-inf"
        how = (start, "+inf", "BYSCORE", "LIMIT", "0", str(most), "WITHSCORES")
        pages = await self._link.read([("ZRANGE", name, *how) for name in names])
        return {
            name: [(int(score), sid.decode()) for sid, score in paired(page).items()]
            for name, page in zip(names, pages, strict=True)
        }


def due_by(index: str, now: int, most: int) -> Sequence[str]:
    """The query for the first of ``index`` that the sweeper shall look at by ``now``."""
    return ("ZRANGE", index, "-inf", str(now), "BYSCORE", "LIMIT", "0", str(most))


def _split(name: str) -> tuple[str, _Kind]:
    for kind in ("anonymous", "account", "external"):
        if name.startswith(kind):
            return name.removeprefix(kind), kind
    raise ValueError(name)
