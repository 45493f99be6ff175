"""Shared bags, in the registry slot of their principal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from sojourn.core.errors import SessionUnknown, StoreBusy
from sojourn.model.field import Changed, Field, Limits, Op
from sojourn.stores.valkey import keys, records
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.lists import due_by
from sojourn.stores.valkey.registry import Claim, Registry
from sojourn.stores.valkey.replies import changed, ops_args, refuse
from sojourn.stores.valkey.scripts import scripts
from sojourn.stores.valkey.sessions import Sessions, Target

# Between look and write the session was rotated: the next look says how it stands.
_TRIES = 5

# How many bags a turn of the sweeper looks at, of each tag.
_TURN = 200


class ValkeyBags:
    """The acts of :class:`~sojourn.stores.base.Bags`."""

    def __init__(self, link: Link, names: keys.Keys, registry: Registry, sessions: Sessions) -> None:
        self._link = link
        self._names = names
        self._registry = registry
        self._sessions = sessions

    async def read(self, realm: str, principal: str, now: int) -> Mapping[str, Field]:
        """The fields while the bag lives."""
        bag = await self._registry.bag(realm, principal)
        return {} if bag.is_over(now) else records.fields_of(bag.elements)

    async def change(self, target: Target, ops: Sequence[Op], idle: int, limits: Limits) -> Changed:
        """Look at the session, then write while its claim says that neither end nor rotation was answered since."""
        bounds, operations = ops_args(ops, limits)
        script = scripts().bag({op.kind for op in ops})
        for _ in range(_TRIES):
            seen = await self._sessions.look(target)
            principal = records.principal_in(seen.about)
            if not principal:
                raise SessionUnknown
            args = [target.sid, seen.nonce, str(seen.epoch), str(target.now), str(idle), target.realm]
            place = self._names.registry(target.realm, seen.owner)
            answer = await self._link.script(script, place, [*args, *bounds, principal, *operations], writes=True)
            if answer[0] == b"ok":
                return changed(answer)
            if answer[0] != b"moved":
                refuse(answer, limits)
        raise StoreBusy

    async def drop(self, realm: str, principal: str) -> None:
        """Forget it."""
        key = self._names.registry(realm, principal).bag
        await self._link.command(key, "DEL", key, writes=True)

    async def sweep(self, now: int) -> None:
        """Forget those that are over."""
        queries = [due_by(keys.bags_due(tag), now, _TURN) for tag in self._names.tags]
        found = await self._link.read(queries)
        due = [(tag, key) for tag, some in zip(self._names.tags, found, strict=True) for key in some]
        await asyncio.gather(*(self._look_at(keys.bags_due(tag), key, now) for tag, key in due))

    async def _look_at(self, index: str, key: bytes, now: int) -> None:
        whose = await self._link.command(index, "HMGET", key, ".r", ".p")
        if whose[0] is None:
            await self._link.command(index, "ZREM", index, key)
        else:
            await self._registry.expire_bag(Claim(whose[0].decode(), whose[1].decode(), "", 0, 0), now)
