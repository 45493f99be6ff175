"""A store that fails in a way of its own: no end counts as done, and one bad session stops nothing but itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import SessionEnded, SojournError, StoreCorrupt, StoreUnavailable, StoreVersion
from sojourn.engine import sweeper, upkeep
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST
from sojourn.engine.sessions import Begun
from sojourn.engine.watch import watch
from sojourn.model.session import Device, Loaded
from sojourn.model.user import account_identity
from sojourn.stores.base import Ended
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import PASSWORD, Start, realm_of
from tests.patience import HANGS

pytestmark = pytest.mark.anyio


class Odd(MemoryStore):
    """A store whose acts fail as the test says."""

    def __init__(self) -> None:
        super().__init__()
        #: What ends raise.
        self.refusal: SojournError | None = None
        #: The session whose record cannot be read.
        self.damaged = ""
        #: What the next acts of the upkeep raise.
        self.surprises: list[Exception] = []

    async def end(self, realm: str, sid: str, *args: Any, **options: Any) -> Ended | None:
        self._read(sid)
        if self.refusal is not None:
            raise self.refusal
        return await super().end(realm, sid, *args, **options)

    async def load(self, realm: str, sid: str, now: int) -> Loaded | None:
        self._read(sid)
        return await super().load(realm, sid, now)

    async def ping(self) -> None:
        self._surprise()
        await super().ping()

    async def sweep(self, *args: Any) -> Any:
        self._surprise()
        return await super().sweep(*args)

    def _read(self, sid: str) -> None:
        if sid == self.damaged:
            raise StoreCorrupt

    def _surprise(self) -> None:
        if self.surprises:
            raise self.surprises.pop()


@pytest.fixture
def store() -> Odd:
    return Odd()


@pytest.fixture
async def rules(start: Start, store: Odd) -> Rules:
    return await start(memory=store)


async def unconfirmed(rules: Rules) -> int:
    await rules.journal.flush()
    return len(await rules.journal.unconfirmed(rules.clock.now() + MINUTE))


async def begin(rules: Rules, name: str) -> Begun:
    account = await rules.users.add("main", name, PASSWORD)
    return await rules.sessions.begin(realm_of(rules), account_identity(account, 0), Device())


@pytest.mark.parametrize("error", [StoreVersion(), StoreUnavailable(), StoreCorrupt()])
async def test_an_end_that_the_store_refuses_for_any_reason_is_neither_acknowledged_nor_confirmed(
    rules: Rules, store: Odd, begun: Begun, error: SojournError
) -> None:
    realm, store.refusal = realm_of(rules), error
    with pytest.raises(type(error)):
        await rules.sessions.end_by_id(realm, begun.session.id, "dropped", actor="root")
    with pytest.raises(type(error)):
        await rules.sessions.end_all(realm, begun.session.identity.user_key, "dropped", actor="root")
    with pytest.raises(type(error)):
        await rules.sessions.end_realm(realm, "dropped", actor="root")
    assert await unconfirmed(rules) == 3


async def request_drop(rules: Rules, begun: Begun, after: int) -> None:
    done = await rules.drops.request(realm_of(rules), begun.session.id, "noon", actor_key=7, actor="root", after=after)
    assert done is not None


async def test_a_session_that_cannot_be_read_keeps_no_other_one_from_being_dropped(
    rules: Rules, store: Odd, clock: ManualClock
) -> None:
    bad, good = await begin(rules, "bad"), await begin(rules, "good")
    await request_drop(rules, bad, MINUTE)
    await request_drop(rules, good, MINUTE + 1)
    store.damaged = bad.session.id
    clock.advance(2 * MINUTE)
    with pytest.raises(StoreCorrupt):
        await rules.drops.run_due(clock.now())
    with pytest.raises(SessionEnded):
        await rules.sessions.open(realm_of(rules), good.handle, "cookie")
    store.damaged = ""
    assert await rules.drops.run_due(clock.now()) == 1


async def test_an_end_that_cannot_be_finished_holds_up_neither_other_ends_nor_drops(
    rules: Rules, store: Odd, clock: ManualClock
) -> None:
    bad, good, dropped = [await begin(rules, name) for name in ("bad", "good", "dropped")]
    store.refusal = StoreUnavailable()
    for begun in (bad, good):
        with pytest.raises(StoreUnavailable):
            await rules.sessions.end_by_id(realm_of(rules), begun.session.id, "dropped", actor="root")
    store.refusal, store.damaged = None, bad.session.id
    await request_drop(rules, dropped, MINUTE)
    clock.advance(2 * MINUTE)
    with pytest.raises(StoreCorrupt):
        await rules.upkeep.chore()
    for begun in (good, dropped):
        with pytest.raises(SessionEnded):
            await rules.sessions.open(realm_of(rules), begun.handle, "cookie")
    assert await unconfirmed(rules) == 1


@asynccontextmanager
async def kept(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Task[None]]:
    monkeypatch.setattr(watch, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(sweeper, "SWEEP_EVERY", 0.01)
    monkeypatch.setattr(upkeep, "CHORE_EVERY", 0.01)
    running = asyncio.create_task(rules.upkeep.run())
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_an_error_that_nobody_expected_ends_neither_watch_nor_sweeping(
    rules: Rules, store: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with asyncio.timeout(HANGS), kept(rules, monkeypatch) as running:
        store.surprises = [RuntimeError("of the driver") for _ in range(6)]
        while store.surprises or not rules.watch.serving:
            await asyncio.sleep(0.01)
        assert not running.done()


async def test_nothing_is_served_while_the_store_fails_in_a_way_that_nobody_expected(rules: Rules, store: Odd) -> None:
    store.surprises = [RuntimeError("of the driver")]
    await rules.watch.look()
    assert not rules.watch.serving
    assert "RuntimeError" in rules.watch.causes()["store"]
    await rules.watch.look()
    assert rules.watch.serving


async def test_a_changed_password_is_changed_although_the_store_cannot_be_told(
    rules: Rules, store: Odd, begun: Begun
) -> None:
    store.refusal = StoreVersion()
    await rules.passwords.set(HOST, begun.session.identity.user_key, "another horse battery")
    store.refusal = None
    with pytest.raises(SessionEnded) as ended:
        await rules.sessions.open(realm_of(rules), begun.handle, "cookie")
    assert ended.value.reason == "password-changed"
