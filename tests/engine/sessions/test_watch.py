"""A session store that went back in time is noticed, gets its ends again, and only then anything is served."""

import asyncio
import copy
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sojourn.core.clock import DAY, SECOND, ManualClock
from sojourn.core.errors import SessionEnded, SessionUnknown, StoreUnavailable, Unavailable
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.engine.watch import watch as watching
from sojourn.engine.watch.watch import StoreRecovering
from sojourn.model import field
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity
from sojourn.stores.base import Ended, Mark
from sojourn.stores.memory import MemoryStore
from sojourn.stores.sqlite import SqliteStore
from tests.engine.sessions.conftest import PASSWORD, Start, realm_of
from tests.patience import HANGS

pytestmark = pytest.mark.anyio


class Files:
    """The session store's file, which can be copied aside and put back."""

    def __init__(self, project: Path) -> None:
        self.file = project / "var" / "state.db"
        self._copy = project / "copy.db"

    def copy(self) -> None:
        """A consistent copy, also while the store is open."""
        source, target = sqlite3.connect(self.file), sqlite3.connect(self._copy)
        with target:
            source.backup(target)
        source.close()
        target.close()

    def put_back_stopped(self) -> None:
        """As an operator does with a stopped engine."""
        for path in self.file.parent.glob("state.db*"):
            path.unlink()
        shutil.copy(self._copy, self.file)

    def put_back_running(self) -> None:
        """Another file in the same place, the way a restore tool does it under a running engine."""
        shutil.copy(self._copy, self.file.with_name("restored"))
        self.file.with_name("restored").replace(self.file)


@pytest.fixture
def files(project: Path) -> Files:
    return Files(project)


async def close_store(rules: Rules) -> None:
    assert isinstance(rules.store, SqliteStore)
    await rules.store.close()


async def begin(rules: Rules, realm: Realm, anna: Account) -> Begun:
    return await rules.sessions.begin(realm, account_identity(anna, 0), Device())


def is_red(rules: Rules) -> bool:
    return not rules.watch.serving


async def reason(opening: Any) -> str:
    with pytest.raises(SessionEnded) as ended:
        await opening
    return ended.value.reason


async def test_a_copy_put_back_while_stopped_has_nothing_alive_that_ended(
    start: Start, files: Files, anna: Account, rules: Rules, realm: Realm
) -> None:
    await rules.watch.start()
    gone, kept = await begin(rules, realm, anna), await begin(rules, realm, anna)
    files.copy()
    await rules.sessions.end_by_id(realm, gone.session.id, "dropped", actor="root", rule="lost phone")
    await rules.watch.look()
    await close_store(rules)
    files.put_back_stopped()
    back = await start()
    assert (await back.sessions.show(realm, gone.session.id)) is not None
    assert await back.watch.start() == 1
    assert back.watch.recoveries == 1
    assert await reason(back.sessions.open(realm, gone.handle, "cookie")) == "dropped"
    tombstone = await back.sessions.why(realm, gone.session.id)
    assert tombstone is not None
    assert (tombstone.end.actor, tombstone.end.rule) == ("root", "lost phone")
    await back.sessions.open(realm, kept.handle, "cookie")
    assert await back.watch.start() == 0
    assert back.watch.recoveries == 1


async def test_a_copy_of_the_very_moment_of_the_end_is_no_loophole(
    start: Start, files: Files, anna: Account, rules: Rules, realm: Realm
) -> None:
    """The copy has the counter that was noted; the end came after both and was confirmed."""
    await rules.watch.start()
    gone = await begin(rules, realm, anna)
    await rules.watch.look()
    files.copy()
    await rules.sessions.end_by_id(realm, gone.session.id, "dropped", actor="root")
    await rules.journal.flush()
    await close_store(rules)
    files.put_back_stopped()
    back = await start()
    assert await back.watch.start() == 1
    assert back.watch.recoveries == 0
    assert await reason(back.sessions.open(realm, gone.handle, "cookie")) == "dropped"


async def test_a_file_replaced_under_a_running_engine_is_noticed_and_nothing_is_served_before_the_replay(
    files: Files, anna: Account, rules: Rules, realm: Realm
) -> None:
    await rules.watch.start()
    gone, kept = await begin(rules, realm, anna), await begin(rules, realm, anna)
    files.copy()
    await rules.sessions.end_by_id(realm, gone.session.id, "dropped", actor="root")
    later = await begin(rules, realm, anna)
    await rules.watch.look()
    files.put_back_running()
    await rules.watch.look()
    assert is_red(rules)
    assert "store" in rules.watch.causes()
    for handle in (gone.handle, kept.handle):
        with pytest.raises(Unavailable):
            await rules.sessions.open(realm, handle, "cookie")
    with pytest.raises(Unavailable):
        await begin(rules, realm, anna)
    await rules.watch.look()
    assert rules.watch.causes() == {}
    assert rules.watch.recoveries == 1
    assert await reason(rules.sessions.open(realm, gone.handle, "cookie")) == "dropped"
    access = await rules.sessions.open(realm, kept.handle, "cookie")
    await rules.sessions.change(access, [field.put("a", "1")])
    with pytest.raises(SessionUnknown):
        await rules.sessions.open(realm, later.handle, "cookie")
    check = sqlite3.connect(files.file)
    assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    check.close()


class Swapped(MemoryStore):
    """A store in memory that can be put back to what it was, and whose server can become another one."""

    run = ""
    copied: Any = None
    act: Callable[[], None] | None = None

    def keep(self) -> None:
        self.copied = copy.deepcopy({name: value for name, value in vars(self).items() if name != "copied"})

    def go_back(self) -> None:
        vars(self).update(copy.deepcopy(self.copied))

    async def mark(self) -> Mark:
        return (await super().mark())._replace(run=self.run)


@pytest.fixture
def memory() -> Swapped:
    return Swapped()


@pytest.fixture
async def swapped(start: Start, memory: Swapped) -> Rules:
    rules = await start(memory=memory)
    await rules.watch.start()
    return rules


@pytest.fixture
async def bob(swapped: Rules) -> Account:
    return await swapped.users.add("main", "bob", PASSWORD)


async def ended_and_gone_back(rules: Rules, store: Swapped, account: Account) -> Begun:
    """A session that ended, in a store that forgot it and was not looked at since."""
    begun = await begin(rules, realm_of(rules), account)
    store.keep()
    await rules.sessions.end_by_id(realm_of(rules), begun.session.id, "dropped", actor="root")
    await rules.watch.look()
    store.go_back()
    return begun


async def test_until_the_next_look_this_process_denies_what_it_has_seen_end(
    swapped: Rules, memory: Swapped, bob: Account, clock: ManualClock
) -> None:
    begun = await ended_and_gone_back(swapped, memory, bob)
    realm = realm_of(swapped)
    assert await memory.load(realm.id, begun.session.id, clock.now()) is not None
    assert await reason(swapped.sessions.open(realm, begun.handle, "cookie")) == "dropped"
    assert await memory.load(realm.id, begun.session.id, clock.now()) is None


async def test_a_slow_writer_does_not_write_into_what_came_back(swapped: Rules, memory: Swapped, bob: Account) -> None:
    realm = realm_of(swapped)
    begun = await begin(swapped, realm, bob)
    access = await swapped.sessions.open(realm, begun.handle, "cookie")
    memory.keep()
    await swapped.sessions.end_by_id(realm, begun.session.id, "dropped", actor="root")
    await swapped.watch.look()
    memory.go_back()
    assert await reason(swapped.sessions.change(access, [field.put("a", "1")])) == "dropped"


async def test_another_process_too_serves_only_after_the_replay(
    swapped: Rules, memory: Swapped, bob: Account, start: Start
) -> None:
    other = await start(memory=memory)
    await other.watch.start()
    begun = await ended_and_gone_back(swapped, memory, bob)
    await other.watch.look()
    assert (other.watch.recoveries, other.watch.replayed) == (1, 1)
    await swapped.watch.look()
    assert swapped.watch.recoveries == 0
    assert swapped.watch.serving
    for rules in (swapped, other):
        assert await reason(rules.sessions.open(realm_of(rules), begun.handle, "cookie")) == "dropped"


async def test_another_run_of_the_server_is_reason_enough(swapped: Rules, memory: Swapped, bob: Account) -> None:
    memory.run = "first"
    begun = await begin(swapped, realm_of(swapped), bob)
    await swapped.watch.look()
    memory.keep()
    await swapped.sessions.end_by_id(realm_of(swapped), begun.session.id, "dropped", actor="root")
    memory.go_back()
    memory.run = "second"
    await swapped.watch.look()
    assert swapped.watch.recoveries == 1
    assert swapped.watch.replayed == 1
    await swapped.watch.look()
    assert swapped.watch.recoveries == 1


async def test_an_old_secret_does_not_come_back_with_an_old_copy(
    swapped: Rules, memory: Swapped, bob: Account, start: Start
) -> None:
    realm = realm_of(swapped)
    first = await begin(swapped, realm, bob)
    memory.keep()
    access = await swapped.sessions.open(realm, first.handle, "cookie")
    await swapped.sessions.rotate(access, account_identity(bob, 1), Device(), keep=None)
    await swapped.watch.look()
    memory.go_back()
    fresh = await start(memory=memory)
    assert await fresh.watch.start() == 1
    assert await reason(fresh.sessions.open(realm, first.handle, "cookie")) == "restored"


async def test_while_it_recovers_everything_is_refused_and_says_why(
    swapped: Rules, memory: Swapped, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await ended_and_gone_back(swapped, memory, bob)
    seen: list[str] = []
    end = memory.end

    async def looked_at(*args: Any, **options: Any) -> Ended | None:
        with pytest.raises(StoreRecovering):
            await swapped.sessions.open(realm_of(swapped), begun.handle, "cookie")
        seen.append(swapped.watch.causes()["store"])
        return await end(*args, **options)

    monkeypatch.setattr(memory, "end", looked_at)
    await swapped.watch.look()
    assert len(seen) == 1
    assert "its ends are being replayed" in seen[0]
    assert swapped.watch.serving


async def test_a_recovery_that_fails_is_tried_again_and_nothing_is_served_meanwhile(
    swapped: Rules, memory: Swapped, bob: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await ended_and_gone_back(swapped, memory, bob)
    end, tries = memory.end, 0

    async def away(*args: Any, **options: Any) -> Ended | None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise StoreUnavailable
        return await end(*args, **options)

    monkeypatch.setattr(memory, "end", away)
    await swapped.watch.look()
    assert is_red(swapped)
    with pytest.raises(StoreRecovering):
        await swapped.sessions.open(realm_of(swapped), begun.handle, "cookie")
    await swapped.watch.look()
    assert swapped.watch.serving
    assert await reason(swapped.sessions.open(realm_of(swapped), begun.handle, "cookie")) == "dropped"


async def test_a_store_of_another_engine_database_keeps_its_sessions_to_itself(
    swapped: Rules, memory: Swapped, bob: Account, project: Path, start: Start
) -> None:
    begun = await begin(swapped, realm_of(swapped), bob)
    for path in (project / "var").glob("engine.db*"):
        path.unlink()
    fresh = await start(memory=memory)
    await fresh.watch.start()
    with pytest.raises(SessionUnknown):
        await fresh.sessions.open(realm_of(fresh), begun.handle, "cookie")
    facts = await (await fresh.facts.current()).read_standing(realm_of(fresh), -1)
    assert facts.not_before == fresh.clock.now()
    eve = await fresh.users.add("main", "eve", PASSWORD)
    mine = await begin(fresh, realm_of(fresh), eve)
    await fresh.watch.start()
    await fresh.sessions.open(realm_of(fresh), mine.handle, "cookie")


async def test_an_engine_database_that_is_older_than_the_store_refuses_all_sessions_of_before(
    swapped: Rules, memory: Swapped, bob: Account, clock: ManualClock, start: Start
) -> None:
    realm = realm_of(swapped)
    begun = await begin(swapped, realm, bob)
    clock.advance(SECOND)
    for _ in range(watching.MOST_AHEAD + 1):
        await memory.advance()
    back = await start(memory=memory)
    await back.watch.start()
    assert await reason(back.sessions.open(realm, begun.handle, "cookie")) == "restored"
    await back.sessions.open(realm, (await begin(back, realm, bob)).handle, "cookie")


async def test_the_mark_moves_only_when_the_store_has_changed(swapped: Rules, memory: Swapped, bob: Account) -> None:
    await swapped.watch.look()
    before = (await memory.mark()).counter
    for _ in range(3):
        await swapped.watch.look()
    assert (await memory.mark()).counter == before
    begun = await begin(swapped, realm_of(swapped), bob)
    await swapped.watch.look()
    assert (await memory.mark()).counter == before + 1
    await swapped.sessions.end_by_id(realm_of(swapped), begun.session.id, "logout", actor="")
    await swapped.watch.look()
    assert (await memory.mark()).counter == before + 2 == swapped.watch.counter


async def test_an_ordinary_start_does_not_read_the_ends_of_thirty_days(
    swapped: Rules, memory: Swapped, bob: Account, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        begun = await begin(swapped, realm_of(swapped), bob)
        await swapped.sessions.end_by_id(realm_of(swapped), begun.session.id, "logout", actor="")
    await swapped.watch.look()
    for _ in range(70):
        memory._counters["commits"] += 1
        await swapped.watch.look()
    looked: list[str] = []
    load = memory.load

    async def counted(realm: str, sid: str, now: int) -> Any:
        looked.append(sid)
        return await load(realm, sid, now)

    monkeypatch.setattr(memory, "load", counted)
    again = await start(memory=memory)
    await again.watch.start()
    assert looked == []


class Away(Swapped):
    """A store that can be unreachable."""

    away: type[Unavailable] | None = None

    async def mark(self) -> Mark:
        if self.away:
            raise self.away
        return await super().mark()


async def test_a_store_that_is_away_is_red_until_it_is_back_without_a_restart(
    start: Start, rules: Rules, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(watching, "LOOK_AGAIN", 0.0)
    store = Away()
    engine = await start(memory=store)
    await engine.watch.start()
    begun = await begin(engine, realm_of(engine), anna)
    store.away = StoreUnavailable
    task = asyncio.create_task(engine.watch.run())
    await until(lambda: not engine.watch.serving)
    assert "store" in engine.watch.causes()
    with pytest.raises(StoreUnavailable):
        await engine.sessions.open(realm_of(engine), begun.handle, "cookie")
    store.away = None
    await until(lambda: engine.watch.serving)
    assert engine.watch.causes() == {}
    await engine.sessions.open(realm_of(engine), begun.handle, "cookie")
    task.cancel()
    await asyncio.wait([task])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANGS):
        while not holds():
            await asyncio.sleep(0)


class Timed(Swapped):
    """A store with a clock of its own, which takes its time to answer."""

    ahead = 0
    takes = 0
    clock: ManualClock

    async def time(self) -> int:
        self.clock.advance(self.takes // 2)
        told = self.clock.now() + self.ahead
        self.clock.advance(self.takes // 2)
        return told


@pytest.fixture
async def timed(start: Start, clock: ManualClock) -> Rules:
    store = Timed()
    store.clock = clock
    rules = await start(memory=store)
    await rules.watch.start()
    return rules


async def measure(rules: Rules) -> None:
    await rules.watch.time.measure()
    rules.watch._decide()


async def test_all_parts_go_by_the_time_of_the_store(timed: Rules, clock: ManualClock) -> None:
    store: Any = timed.store
    store.ahead, store.takes = 400, 100
    await measure(timed)
    assert timed.clock.now() == clock.now() + 400
    assert (timed.watch.time.offset, timed.watch.time.round_trip, timed.watch.time.error) == (400, 100, 400)
    assert timed.watch.serving
    await measure(timed)
    assert timed.watch.time.error == 50


@pytest.mark.parametrize(("ahead", "takes"), [(1_001, 0), (-1_001, 0), (0, 2_002)])
async def test_above_a_second_of_error_nothing_is_served_until_it_is_measured_well_again(
    timed: Rules, ahead: int, takes: int
) -> None:
    store: Any = timed.store
    store.ahead, store.takes = ahead, takes
    await measure(timed)
    assert is_red(timed)
    assert "clock" in timed.watch.causes()
    with pytest.raises(StoreRecovering):
        timed.watch.admit()
    store.takes = 0
    await timed.watch.look()
    assert timed.watch.serving
    assert timed.watch.causes() == {}
    assert timed.watch.time.offset == ahead


async def test_the_sweeper_goes_by_the_store_s_own_clock(timed: Rules, anna: Account) -> None:
    realm, store = realm_of(timed), timed.store
    begun = await begin(timed, realm, anna)
    assert isinstance(store, Timed)
    store.ahead = DAY + 1
    assert await timed.upkeep.sweeper.round() == 1
    assert await timed.sessions.why(realm, begun.session.id) is not None


async def test_a_process_that_serves_nobody_leaves_the_mark_of_what_it_ended(
    swapped: Rules, memory: Swapped, bob: Account, start: Start
) -> None:
    begun = await begin(swapped, realm_of(swapped), bob)
    await swapped.watch.look()
    before = (await memory.mark()).counter
    command = await start(memory=memory)
    await command.sessions.end_by_id(realm_of(command), begun.session.id, "dropped", actor="host")
    await command.watch.close()
    assert (await memory.mark()).counter == before + 1
    await swapped.watch.look()
    assert swapped.watch.recoveries == 0
    assert [entry.sid for entry in await swapped.journal.unconfirmed(2**60)] == []
