"""Ending is final: under writers, across crashes, and after a store that went back in time."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sojourn.core.clock import DAY, MINUTE, ManualClock
from sojourn.core.errors import NotFound, SessionEnded, SojournError, StoreUnavailable
from sojourn.engine.access import Access
from sojourn.engine.audit.log import Audit
from sojourn.engine.ends import ends
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.model import field
from sojourn.model.realm import Realm
from sojourn.model.session import Device, End
from sojourn.model.user import Account, account_identity, external_identity
from sojourn.stores.base import Ended
from sojourn.stores.sqlite import SqliteStore

pytestmark = pytest.mark.anyio

STATE = "state.db"


async def reason(opening: Any) -> str:
    with pytest.raises(SessionEnded) as ended:
        await opening
    return ended.value.reason


async def eventually(holds: Callable[[], Awaitable[object]]) -> None:
    for _ in range(100_000):
        if await holds():
            return
        await asyncio.sleep(0)
    pytest.fail("it never came to hold")


async def events(rules: Rules, session: str) -> list[str]:
    return [event.kind for event in await rules.audit.recent() if event.session == session]


async def test_after_the_answer_no_writer_gets_through_and_the_token_is_dead(
    rules: Rules, realm: Realm, begun: Begun, access: Access
) -> None:
    issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + DAY)
    claims = await rules.tokens.verify(realm, issued.token)
    by_token = await rules.sessions.open_token(realm, claims)
    acknowledged, late = asyncio.Event(), 0

    async def write(handle: Access) -> None:
        nonlocal late
        while True:
            told = acknowledged.is_set()
            try:
                await rules.sessions.change(handle, [field.increment("n")])
            except SessionEnded:
                return
            late += told

    writers = [asyncio.ensure_future(write(by_token if n % 2 else access)) for n in range(16)]

    async def begun_to_write() -> bool:
        return "n" in await rules.sessions.fields(access)

    await eventually(begun_to_write)
    await rules.sessions.end(by_token)
    acknowledged.set()
    await asyncio.gather(*writers)
    assert late == 0
    assert await reason(rules.sessions.open_token(realm, claims)) == "logout"
    assert await reason(rules.sessions.open(realm, begun.handle, "cookie")) == "logout"
    assert await reason(rules.sessions.check(access)) == "logout"


async def test_the_first_end_stays(rules: Rules, realm: Realm, begun: Begun, access: Access) -> None:
    first = await rules.sessions.end(access)
    assert (first.reason, first.actor) == ("logout", "")
    assert await reason(rules.sessions.end(access)) == "logout"
    assert await rules.sessions.end_by_id(realm, begun.session.id, "dropped", actor="root") == first
    assert await rules.sessions.end_by_id(realm, "unknown", "dropped", actor="root") is None
    assert await events(rules, begun.session.id) == ["LOGOUT"]
    assert (await rules.audit.recent(1))[0].address == begun.session.device.address


async def test_an_end_of_another_realm_does_nothing(rules: Rules, begun: Begun, access: Access) -> None:
    other = rules.realms.get("beta")
    assert other is not None
    assert await rules.sessions.end_by_id(other, begun.session.id, "dropped", actor="root") is None
    await rules.sessions.check(access)


async def test_an_operator_ends_a_session_that_changes_at_that_moment(
    rules: Rules, start: Any, realm: Realm, anna: Account, access: Access
) -> None:
    slow = await start(store=RotatedMeanwhile)
    slow.store.act = lambda: rules.sessions.rotate(access, account_identity(anna, 0), Device(), keep=None)
    end = await slow.sessions.end_by_id(realm, access.session.id, "dropped", actor="root")
    assert end is not None
    assert await rules.sessions.list(realm) == []
    journaled = [(entry.epoch, entry.reason) for entry in await rules.journal.since(0)]
    assert journaled == [(1, "dropped"), (1, "rotated"), (2, "dropped")]
    told = [(event.outcome, event.detail) for event in await rules.audit.recent() if event.kind == "SESSION_END"]
    assert [outcome for outcome, _ in told] == ["ok", "refused", "ok"]
    assert "session.stale" in told[1][1]


async def test_end_all_ends_every_session_of_the_account_and_no_other(
    rules: Rules, realm: Realm, anna: Account, begun: Begun
) -> None:
    other = rules.realms.get("beta")
    assert other is not None
    ben = await rules.users.add("main", "ben", "a very good password")
    kept = await rules.sessions.begin(realm, account_identity(ben, 0), Device())
    guest = await rules.sessions.begin(realm, external_identity("portal", "anna", (), "", 0), Device())
    mine = [begun, await rules.sessions.begin(other, account_identity(anna, 0), Device())]
    assert await rules.sessions.end_all(None, anna.key, "ended-everywhere", actor="root") == 2
    for session, where in zip(mine, (realm, other), strict=True):
        assert await reason(rules.sessions.open(where, session.handle, "cookie")) == "ended-everywhere"
    for session in (kept, guest):
        await rules.sessions.open(realm, session.handle, "cookie")
    again = await rules.users.get(anna.key)
    assert again is not None
    assert again.auth_epoch == anna.auth_epoch + 1
    with pytest.raises(NotFound):
        await rules.sessions.end_all(None, 4711, "ended-everywhere", actor="root")


async def test_end_all_in_one_realm_leaves_the_others(rules: Rules, realm: Realm, anna: Account, begun: Begun) -> None:
    other = rules.realms.get("beta")
    assert other is not None
    kept = await rules.sessions.begin(other, account_identity(anna, 0), Device())
    assert await rules.sessions.end_all(realm, anna.key, "ended-everywhere", actor="root") == 1
    assert await reason(rules.sessions.open(realm, begun.handle, "cookie")) == "ended-everywhere"
    await rules.sessions.open(other, kept.handle, "cookie")


async def test_whoever_meets_the_fence_first_gives_the_reason_of_end_all(
    rules: Rules, start: Any, realm: Realm, anna: Account, begun: Begun
) -> None:
    slow = await start(store=ListedLate)
    found: list[str] = []
    slow.store.act = lambda: _swallow(slow.sessions.open(realm, begun.handle, "cookie"), found)
    await slow.sessions.end_all(None, anna.key, "ended-everywhere", actor="root")
    assert found == ["ended-everywhere"]


async def _swallow(opening: Any, found: list[str]) -> None:
    found.append(await reason(opening))


async def test_acts_are_audited_before_they_are_acknowledged(
    start: Any, realm: Realm, begun: Begun, access: Access, rules: Rules
) -> None:
    deaf = await start(audit=NoPaper)
    with pytest.raises(StoreUnavailable):
        await deaf.sessions.end(access)
    await rules.sessions.check(access)
    assert await rules.journal.since(0) == []
    await rules.sessions.end(access)
    assert await events(rules, begun.session.id) == ["LOGOUT"]


async def test_an_end_that_the_store_missed_is_not_acknowledged_and_done_at_the_next_start(
    rules: Rules, start: Any, realm: Realm, begun: Begun, access: Access
) -> None:
    broken = await start(store=DownAtTheEnd)
    with pytest.raises(StoreUnavailable):
        await broken.sessions.end(access)
    await rules.sessions.check(access)
    again = await start()
    assert await again.watch.start() == 1
    assert await reason(rules.sessions.open(realm, begun.handle, "cookie")) == "logout"
    assert await again.watch.start() == 0


async def test_a_store_that_went_back_gets_its_ends_again(
    rules: Rules, start: Any, project: Path, *, realm: Realm, begun: Begun, access: Access, anna: Account
) -> None:
    kept = await rules.sessions.begin(realm, account_identity(anna, 0), Device())
    issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + DAY)
    await _close_store(rules)
    shutil.copytree(project / "var", project / "old")
    later = await start()
    await later.sessions.end(access)
    await _close_store(later)
    for path in (project / "var").glob(f"{STATE}*"):
        path.unlink()
    for path in (project / "old").glob(f"{STATE}*"):
        shutil.copy(path, project / "var" / path.name)
    back = await start()
    assert (await back.sessions.open(realm, begun.handle, "cookie")).session.id == begun.session.id
    assert await back.watch.start() == 1
    assert await reason(back.sessions.open(realm, begun.handle, "cookie")) == "logout"
    claims = await back.tokens.verify(realm, issued.token)
    assert await reason(back.sessions.open_token(realm, claims)) == "logout"
    await back.sessions.open(realm, kept.handle, "cookie")


async def test_the_journal_does_not_end_what_the_session_became(
    rules: Rules, start: Any, realm: Realm, anna: Account, access: Access
) -> None:
    broken = await start(store=DownAtTheEnd)
    with pytest.raises(StoreUnavailable):
        await broken.sessions.end(access)
    last = await rules.sessions.rotate(access, account_identity(anna, 0), Device(), keep=None)
    assert await rules.watch.start() == 0
    await rules.sessions.open(realm, last.handle, "cookie")


async def test_the_journal_is_replayed_page_by_page(
    rules: Rules, realm: Realm, anna: Account, start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "_PAGE", 2)
    broken = await start(store=DownAtTheEnd)
    for _ in range(5):
        begun = await rules.sessions.begin(realm, account_identity(anna, 0), Device())
        with pytest.raises(StoreUnavailable):
            await broken.sessions.end_by_id(realm, begun.session.id, "dropped", actor="root")
    assert await rules.watch.start() == 5
    assert await rules.sessions.list(realm) == []


async def test_end_all_goes_through_all_pages(
    rules: Rules, realm: Realm, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ends, "_PAGE", 2)
    for _ in range(5):
        await rules.sessions.begin(realm, account_identity(anna, 0), Device())
    assert await rules.sessions.end_all(None, anna.key, "ended-everywhere", actor="root") == 5


async def test_an_end_is_completed_though_its_caller_has_gone(
    rules: Rules, realm: Realm, begun: Begun, access: Access
) -> None:
    ending = asyncio.ensure_future(rules.sessions.end(access))
    await eventually(lambda: rules.journal.since(0))
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    await eventually(lambda: rules.sessions.why(realm, begun.session.id))
    assert await reason(rules.sessions.open(realm, begun.handle, "cookie")) == "logout"


async def test_sessions_are_listed_by_principal(
    rules: Rules, realm: Realm, anna: Account, begun: Begun, clock: ManualClock
) -> None:
    clock.advance(MINUTE)
    later = await rules.sessions.begin(realm, account_identity(anna, 0), Device())
    await rules.sessions.begin(realm, external_identity("portal", "anna", (), "", 0), Device())
    mine = await rules.sessions.list(realm, f"a:{anna.key}")
    assert [session.id for session in mine] == [begun.session.id, later.session.id]
    after = (mine[0].created, mine[0].id)
    assert [session.id for session in await rules.sessions.list(realm, f"a:{anna.key}", after=after)] == [
        later.session.id
    ]
    assert len(await rules.sessions.list(realm)) == 3


class DownAtTheEnd(SqliteStore):
    """A store that cannot be reached when a session is to be ended."""

    async def end(self, *_args: Any, **_options: Any) -> Ended | None:
        raise StoreUnavailable


class RotatedMeanwhile(SqliteStore):
    """A store in which somebody logs in between the look at a session and its end."""

    act: Any = None

    async def end(self, realm: str, sid: str, end: End, now: int, *, epoch: int | None = None) -> Ended | None:
        if self.act:
            act, self.act = self.act, None
            await act()
        return await super().end(realm, sid, end, now, epoch=epoch)


class ListedLate(SqliteStore):
    """A store in which a request arrives between the raised fence and the end of the single session."""

    act: Any = None

    async def list(self, *args: Any, **options: Any) -> Any:
        if self.act:
            act, self.act = self.act, None
            await act()
        return await super().list(*args, **options)


class NoPaper(Audit):
    """An audit log that cannot be written."""

    def row(self, *_args: Any, **_facts: Any) -> Any:
        raise StoreUnavailable("the audit log cannot be written")


async def _close_store(rules: Rules) -> None:
    assert isinstance(rules.store, SqliteStore)
    await rules.store.close()
    with pytest.raises(SojournError):
        await rules.store.ping()
