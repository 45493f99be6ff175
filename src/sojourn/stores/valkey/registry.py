"""Whose sessions are whose: claims in the owner's slot, which is another one than the session's.

A claim stands there before the session is created or comes to that owner, and goes after it ended or left. So the claims
are always a superset of the living, and as many as the limit allows are never exceeded, whatever crashes between two steps.
A claim is taken away by its nonce only, after the record said that nothing can live by it any more (``verdict.lua``).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sojourn.core.errors import SessionExists, StoreBusy, StoreCorrupt
from sojourn.model.session import Session
from sojourn.stores.base import SessionLimit
from sojourn.stores.valkey import keys, records
from sojourn.stores.valkey.failures import ODD
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.packing import paired
from sojourn.stores.valkey.replies import refuse
from sojourn.stores.valkey.scripts import Script, scripts

#: Milliseconds after which an unconfirmed claim is doubted when somebody needs its room. Only for politeness.
GRACE = 2_000

# Seconds: between two looks at an owner without room, and until it is left at that.
_PATIENCE = 0.005
_GIVE_UP = 4.0

How = Literal["died", "left", "withdrawn", "forgotten"]


class Claim(NamedTuple):
    """Who claims what: ``epoch`` is the one that the session will have."""

    realm: str
    owner: str
    sid: str
    created: int
    epoch: int


class Bag(NamedTuple):
    """A bag as it was read."""

    #: Empty when there is none.
    elements: Mapping[bytes, bytes]
    #: When the last of its sessions that are claimed dies, or died or left.
    last: int

    @property
    def over_at(self) -> int:
        """The instant from which on it is empty."""
        try:
            return max(int(self.elements[b".g"]), self.last) + int(self.elements[b".i"])
        except ODD as error:
            raise StoreCorrupt from error

    def is_over(self, now: int) -> bool:
        """Whether it is empty, or there is none."""
        return not self.elements or now >= self.over_at


class Registry:
    """The claims of all owners."""

    def __init__(self, link: Link, names: keys.Keys) -> None:
        self._link = link
        self._names = names

    async def claim(self, claim: Claim, now: int, most: int | None, mine: str = "") -> str:
        """The nonce of the claim that stands then; ``mine`` is the one that the session lives by at this very owner.

        Raises ``SessionLimit``, ``SessionExists`` (it lives at this owner by another claim), ``StoreBusy``.
        """
        wait, deadline = _PATIENCE, asyncio.get_running_loop().time() + _GIVE_UP
        while asyncio.get_running_loop().time() < deadline:
            nonce = secrets.token_urlsafe(9)
            answer = await self._claim(claim, nonce, now, most)
            if answer[0] == b"ok":
                if answer[1] == b"1":
                    await self.expire_bag(claim, now)
                return nonce
            if answer[0] == b"had" and answer[1].decode() == mine:
                return mine
            if answer[0] == b"had":
                pending = await self._displace(claim, answer[1].decode(), int(answer[2]), now)
            else:
                pending = await self._make_room(claim, answer, now, most or 0)
            if pending:
                await asyncio.sleep(wait)
                wait = min(2 * wait, 0.1)
        raise StoreBusy

    async def confirm(self, claim: Claim, nonce: str) -> None:
        """After a rotation that stayed with its owner."""
        await self._run(scripts().confirm, claim, (claim.sid, nonce, str(claim.epoch)))

    async def release(self, claim: Claim, nonce: str, how: How, at: int) -> None:
        """Take the claim away, by its nonce only; ``at`` = when the session died or left."""
        await self._run(scripts().release, claim, (claim.sid, nonce, how, str(claim.created), str(at)))

    async def bag(self, realm: str, principal: str, but: str = "") -> Bag:
        """The bag as it is, with the last death of its sessions, ``but`` not counted."""
        place = self._names.registry(realm, principal)
        # The claims first: who is released meanwhile is in the bag then.
        queries = (("ZRANGE", place.claimed, "0", "-1"), ("HGETALL", place.bag))
        claimed, found = await self._link.read(queries)
        sids = [sid for sid in (one.decode() for one in claimed) if sid != but]
        bag = paired(found)
        known = [record for record in await self.records(sids if bag else []) if record]
        return Bag(bag, max((record.leaves(realm, principal) for record in known), default=0))

    async def expire_bag(self, claim: Claim, now: int) -> None:
        """Forget the bag of the claim's owner when it is over, session ``claim.sid`` not counted; else say when to look."""
        bag = await self.bag(claim.realm, claim.owner, but=claim.sid)
        if bag.elements:
            due = "" if bag.is_over(now) else str(bag.over_at)
            args = (bag.elements[b".v"].decode(), bag.elements[b".g"].decode(), due)
            await self._run(scripts().over, claim, args)

    async def records(self, sids: Sequence[str]) -> list[records.Record | None]:
        """The records of these ids as they are."""
        if not sids:
            return []
        places = (keys.session(self._names.tag(sid), sid) for sid in sids)
        found = await self._link.read([("HMGET", place, *records.ELEMENTS) for place in places])
        return [records.of_list(sid, one) for sid, one in zip(sids, found, strict=True)]

    async def _claim(self, claim: Claim, nonce: str, now: int, most: int | None) -> Any:
        args = (
            claim.sid,
            str(claim.created),
            nonce,
            str(claim.epoch),
            str(now),
            str(-1 if most is None else most),
        )
        return await self._run(scripts().claim, claim, args)

    async def _run(self, script: Script, claim: Claim, args: Sequence[str]) -> Any:
        # A lost answer does no harm here: what it may have written is put right by the next who needs it.
        return await self._link.script(script, self._names.registry(claim.realm, claim.owner), args, writes=False)

    async def _displace(self, claim: Claim, nonce: str, age: int, now: int) -> bool:
        """Somebody else's claim for this very session goes, unless the session lives by it. True while it may come to that."""
        said = await self._verdict(claim, nonce, now, cancel=age > GRACE)
        if said == "alive":
            raise SessionExists
        return said == "pending"

    async def _make_room(self, claim: Claim, full: Sequence[bytes], now: int, most: int) -> bool:
        """Free what no session lives by. True when it is worth waiting; raises ``SessionLimit`` when all of them live."""
        claims = [(full[i].decode(), full[i + 1].decode(), int(full[i + 2])) for i in range(1, len(full), 3)]
        live = await self._living([sid for sid, _, _ in claims], claim, now)
        if len(live) >= most:
            raise SessionLimit(live)
        known = {session.id for session in live}
        verdicts = await asyncio.gather(
            *(
                self._verdict(claim._replace(sid=sid), nonce, now, cancel=age > GRACE)
                for sid, nonce, age in claims
                if sid not in known
            )
        )
        return not any(verdict in ("dead", "cancelled") for verdict in verdicts)

    async def _living(self, sids: Sequence[str], claim: Claim, now: int) -> list[Session]:
        found = [
            record.session
            for record in await self.records(sids)
            if record and record.is_of(claim.realm, claim.owner) and record.death(now) is None
        ]
        return sorted(found, key=lambda session: (session.created, session.id))

    async def _verdict(self, claim: Claim, nonce: str, now: int, *, cancel: bool) -> str:
        """What the record says of a claim; a claim that nothing can live by is released."""
        tag = self._names.tag(claim.sid)
        args = (tag, claim.sid, claim.realm, str(now), claim.owner, nonce, str(int(cancel)))
        answer = await self._link.script(scripts().verdict, (keys.session(tag, claim.sid),), args, writes=False)
        said = str(answer[0].decode())
        if said == "dead" and answer[2]:
            at = int(answer[1].partition(b":")[0])
            await self.release(claim._replace(created=int(answer[2])), nonce, "died", at)
        elif said in ("dead", "cancelled"):
            await self.release(claim, nonce, "withdrawn", 0)
        elif said == "newer":
            refuse(answer)
        return said
