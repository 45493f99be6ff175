"""One request is opened with one reading of the facts, made after it came; nothing after that is."""

import asyncio
from typing import Any

import pytest

from sojourn.core.errors import SessionEnded
from sojourn.engine import epochs
from sojourn.engine.rules import Rules
from sojourn.model.realm import Realm
from sojourn.model.session import Device, End, Session
from sojourn.model.user import Account, account_identity
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import Start, realm_of

pytestmark = pytest.mark.anyio


async def test_what_changes_while_a_request_is_opened_holds_right_after(rules: Rules, start: Start) -> None:
    other = await start()
    waits = rules.db.glimpse() is None
    with rules.facts.arriving():
        first = await rules.facts.current()
        await other.users.add("main", "eve", None)
        assert (await rules.facts.current() is first) is waits
        assert await rules.facts.anew() is not first
    assert await rules.facts.current() is not first


async def test_a_revocation_before_the_request_is_always_seen(
    rules: Rules, start: Start, realm: Realm, anna: Account
) -> None:
    other = await start()
    begun = await rules.sessions.begin(realm, account_identity(anna, 0), Device())
    with rules.facts.arriving():
        await rules.sessions.open(realm, begun.handle, "cookie")
    await other.users.set_state(anna.key, "disabled")
    with rules.facts.arriving(), pytest.raises(SessionEnded):
        await rules.sessions.open(realm, begun.handle, "cookie")


async def test_a_session_that_is_newer_than_the_facts_of_the_request_is_not_ended(
    rules: Rules, start: Start, realm: Realm, anna: Account
) -> None:
    other = await start()
    with rules.facts.arriving():
        await (await rules.facts.current()).read_standing(realm, anna.key)
        await other.db.write(epochs.raise_engine_epoch)
        begun = await other.sessions.begin(realm, account_identity(anna, 0), Device())
        assert (await rules.sessions.open(realm, begun.handle, "cookie")).kind == "account"


async def test_what_was_begun_meanwhile_and_goes_on_asks_anew(rules: Rules, start: Start) -> None:
    other = await start()
    over = asyncio.Event()

    async def later() -> object:
        await over.wait()
        return await rules.facts.current()

    with rules.facts.arriving():
        first = await rules.facts.current()
        task = asyncio.create_task(later())
        await asyncio.sleep(0)
    await other.users.add("main", "eve", None)
    over.set()
    assert await task is not first


class Displacing(MemoryStore):
    """A store in which another login takes the place of a session right after it was written."""

    act: Any = None

    async def create(self, session: Session, fields: Any, now: int, *, most: int | None = None) -> None:
        await super().create(session, fields, now, most=most)
        await self.act(session)


async def test_a_login_that_another_one_displaces_at_once_was_a_login(start: Start) -> None:
    store = Displacing()
    rules = await start(memory=store)
    realm = realm_of(rules)
    anna = await rules.users.add("main", "anna", None)

    async def displace(session: Session) -> None:
        await rules.ends.write(session, End("session-limit", rules.clock.now()))

    store.act = displace
    begun = await rules.sessions.begin(realm, account_identity(anna, 0), Device())
    with pytest.raises(SessionEnded) as told:
        await rules.sessions.open(realm, begun.handle, "cookie")
    assert told.value.reason == "session-limit"
