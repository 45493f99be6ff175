"""The acts on sessions. Those of every request are one round trip; what concerns the owner goes by the registry first."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, NoReturn

import msgspec

from sojourn.core.errors import (
    OutcomeUnknown,
    SessionEnded,
    SessionExists,
    SessionUnknown,
    SojournError,
    StoreBusy,
    Unavailable,
)
from sojourn.model.field import DEFAULT_LIMITS, Changed, Limits, Op
from sojourn.model.session import TOMBSTONE_FOR, End, IssuedToken, Loaded, Rotation, Session, Tombstone, owner_of
from sojourn.stores.base import Ended, SessionLimit
from sojourn.stores.valkey import keys, records
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.registry import Claim, Registry
from sojourn.stores.valkey.replies import Gone, changed, gone, ops_args, refuse
from sojourn.stores.valkey.scripts import Script, scripts

# How often an act is begun again when somebody who needed room cancelled its claim.
_TRIES = 3

# Milliseconds that the server keeps a record beyond every law, in case nobody sweeps; and a bound for absolute limits.
_SLACK = TOMBSTONE_FOR + 24 * 3_600_000
_LONGEST = 10**15


class Target(NamedTuple):
    """Which session an act is on; ``epoch`` None = whichever it has."""

    realm: str
    sid: str
    epoch: int | None
    now: int


class Standing(NamedTuple):
    """What ``look.lua`` says of a live session."""

    owner: str
    nonce: str
    created: int
    secret: bytes
    about: bytes
    epoch: int


class Change(NamedTuple):
    """The arguments of one change."""

    ops: Sequence[Op]
    touch: bool
    limits: Limits
    token: IssuedToken | None
    idle: int | None


class Sessions:
    """The acts of :class:`~sojourn.stores.base.SessionStore` on one session."""

    def __init__(self, link: Link, names: keys.Keys, registry: Registry) -> None:
        self._link = link
        self._names = names
        self._registry = registry

    async def create(self, session: Session, fields: Mapping[str, str], now: int, most: int | None) -> None:
        """Claim, then write the record; its fields have its version."""
        claim = Claim(session.realm, session.owner, session.id, session.created, session.epoch)
        for _ in range(_TRIES):
            try:
                nonce = await self._registry.claim(claim, now, most)
            except SessionLimit:
                if await self._registry.records([session.id]) != [None]:
                    raise SessionExists from None
                raise
            answer = await self._begin(claim, nonce, self._create(session, fields, nonce, now))
            if answer[0] == b"ok":
                return
            if answer[0] == b"exists":
                raise SessionExists
        raise StoreBusy

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        """The live session; an expiry is settled before it is answered."""
        while True:
            found = await self._link.whole(keys.session(self._names.tag(sid), sid))
            record = records.of_hash(sid, found)
            if record is None or record.end is not None or record.session.realm != realm:
                return None
            if record.death(now) is None:
                return Loaded(record.session, records.fields_of(found))
            await self.settle(realm, sid, now)

    async def settle(self, realm: str, sid: str, now: int) -> None:
        """Write the tombstone of a session past its limits."""
        with suppress(SessionEnded, SessionUnknown):
            await self.look(Target(realm, sid, None, now))

    async def change(self, target: Target, wanted: Change) -> Changed:
        """Apply all or nothing, in one script."""
        bounds, operations = ops_args(wanted.ops, wanted.limits)
        token = records.token_lines([wanted.token]) if wanted.token else ""
        idle = "" if wanted.idle is None else str(wanted.idle)
        script = scripts().change({op.kind for op in wanted.ops})
        answer = await self._act(script, target, ["1" if wanted.touch else "0", *bounds, token, idle, *operations])
        if answer[0] != b"ok":
            await self._refuse(target, answer, wanted.limits)
        return changed(answer)

    async def look(self, target: Target) -> Standing:
        """What stands in the record of a live session; raises what speaks against an act on it."""
        answer = await self._act(scripts().look, target, [], writes=False)
        if answer[0] != b"ok":
            await self._refuse(target, answer)
        _, owner, nonce, created, secret, about, epoch = answer
        return Standing(owner.decode(), nonce.decode(), int(created), bytes.fromhex(secret.decode()), about, int(epoch))

    async def rotate(self, target: Target, to: Rotation, most: int | None) -> Session:
        """Claim for the new owner, replace, and let the old owner's claim go before it is answered."""
        for _ in range(_TRIES):
            old = await self.look(target)
            claim = Claim(target.realm, owner_of(to.identity, to.device), target.sid, old.created, old.epoch + 1)
            stays = claim.owner == old.owner
            try:
                nonce = await self._claim_again(claim, old, target.now, most)
            except SessionExists:
                continue  # it has come to that owner meanwhile: the next look says so
            new = records.rotated(
                to, target.now, realm=target.realm, sid=target.sid, created=old.created, secret=old.secret
            )
            act = self._rotate(target, new, to.keep, nonce)
            answer = await (act if nonce == old.nonce else self._begin(claim, nonce, act))
            if answer[0] == b"cancelled":
                continue
            if answer[0] != b"ok":
                await self._refuse(target, answer)
            with _done():
                if stays:
                    await self._registry.confirm(claim, nonce)
                else:
                    await self._registry.release(claim._replace(owner=old.owner), old.nonce, "left", target.now)
                await self._link.replicated(keys.session(self._names.tag(target.sid), target.sid))
            last, epoch, version = (int(number) for number in answer[1:])
            return msgspec.structs.replace(new, last=last, epoch=epoch, version=version)
        raise StoreBusy

    async def end(self, target: Target, end: End) -> Ended | None:
        """End it for good, and let its claim go before it is answered."""
        answer = await self._act(scripts().end, target, [str(end.at), records.encode_end(end)])
        if answer[0] == b"unknown":
            return None
        dead = gone(answer)
        if answer[0] == b"ok":
            dead = Gone(end, end.at, True, answer[1].decode(), answer[2].decode(), int(answer[3]))
        elif dead is None:
            refuse(answer)
        with _done():
            # Also of one that was ended before: the process that did it may have died before it came to this.
            await self._bury(target, dead)
            await self._link.replicated(keys.session(self._names.tag(target.sid), target.sid))
        return Ended(now=answer[0] == b"ok", end=dead.end)

    async def why(self, realm: str, sid: str, now: int) -> Tombstone | None:
        """The tombstone, written now where nobody has seen the expiry before."""
        while True:
            (record,) = await self._registry.records([sid])
            if record is None or record.session.realm != realm:
                return None
            if record.end is not None or record.death(now) is None:
                return record.stone
            await self.settle(realm, sid, now)

    async def _create(self, session: Session, fields: Mapping[str, str], nonce: str, now: int) -> Any:
        tag = self._names.tag(session.id)
        args = [tag, session.id, session.realm, nonce, session.identity.kind]
        args += [str(session.created), str(session.dies_at), _kept_for(session.absolute, now)]
        args += records.elements(session, fields, nonce)
        return await self._link.script(scripts().create, (keys.session(tag, session.id),), args, writes=True)

    async def _rotate(self, target: Target, new: Session, keep: frozenset[str] | None, nonce: str) -> Any:
        args = [nonce, new.owner, new.identity.kind, new.secret.hex(), str(new.idle), str(new.absolute)]
        args += [_kept_for(new.absolute, target.now), records.about_of(new), records.token_lines(new.tokens)]
        args += ["1" if keep is None else "0", *(keep or ())]
        return await self._act(scripts().rotate, target, args)

    async def _claim_again(self, claim: Claim, old: Standing, now: int, most: int | None) -> str:
        if claim.owner != old.owner:
            return await self._registry.claim(claim, now, most)
        return old.nonce if most is None else await self._registry.claim(claim, now, most, mine=old.nonce)

    async def _begin(self, claim: Claim, nonce: str, act: Awaitable[Any]) -> Any:
        """``act``, and without it being done the claim goes; where that is not known, somebody else's verdict will say."""
        try:
            answer = await act
        except OutcomeUnknown:
            raise
        except SojournError:
            await self._withdraw(claim, nonce)
            raise
        if answer[0] != b"ok":
            await self._withdraw(claim, nonce)
        return answer

    async def _withdraw(self, claim: Claim, nonce: str) -> None:
        with suppress(Unavailable):
            await self._registry.release(claim, nonce, "withdrawn", 0)

    async def _act(self, script: Script, target: Target, more: Sequence[str], *, writes: bool = True) -> Any:
        realm, sid, epoch, now = target
        tag = self._names.tag(sid)
        args = [tag, sid, realm, str(now), "" if epoch is None else str(epoch), *more]
        return await self._link.script(script, (keys.session(tag, sid),), args, writes=writes)

    async def _refuse(self, target: Target, answer: Sequence[Any], limits: Limits = DEFAULT_LIMITS) -> NoReturn:
        dead = gone(answer)
        if dead is not None and dead.fresh:
            await self._bury(target, dead)
        refuse(answer, limits)

    async def _bury(self, target: Target, dead: Gone) -> None:
        claim = Claim(target.realm, dead.owner, target.sid, dead.created, 0)
        await self._registry.release(claim, dead.nonce, "died", dead.at)


@contextmanager
def _done() -> Iterator[None]:
    """What follows on a written record: its failure leaves the caller without certainty, not without effect."""
    try:
        yield
    except Unavailable as error:
        raise OutcomeUnknown from error


def _kept_for(absolute: int, now: int) -> str:
    return str(min(max(absolute - now, 0) + _SLACK, _LONGEST))
