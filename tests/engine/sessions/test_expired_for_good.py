"""An expiry that its holder was told is an end, in a store that goes back too."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from sojourn.core.clock import MINUTE, ManualClock
from sojourn.core.errors import SessionEnded
from sojourn.engine.access import Access
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.stores.sqlite import SqliteStore
from tests.engine.sessions.conftest import Start, realm_of

pytestmark = pytest.mark.anyio

Act = Callable[[Rules, Begun, Access], Awaitable[object]]


def copied(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


async def open_again(rules: Rules, begun: Begun, _access: Access) -> None:
    await rules.sessions.open(realm_of(rules), begun.handle, "cookie")


async def check_again(rules: Rules, _begun: Begun, access: Access) -> None:
    await rules.sessions.check(access)


@pytest.mark.parametrize("look", [open_again, check_again])
async def test_a_session_whose_idle_limit_was_shortened_stays_expired_in_an_older_copy_of_the_store(
    rules: Rules, begun: Begun, access: Access, *, clock: ManualClock, project: Path, start: Start, look: Act
) -> None:
    await rules.watch.start()
    await rules.watch.look()
    state, copy = project / "var" / "state.db", project / "copy.db"
    copied(state, copy)
    await rules.sessions.set_idle(access, MINUTE)
    clock.advance(MINUTE)
    for _ in range(2):
        with pytest.raises(SessionEnded):
            await look(rules, begun, access)
    assert len(await rules.journal.since(0)) == 1
    await rules.watch.look()
    await rules.watch.close()
    assert isinstance(rules.store, SqliteStore)
    await rules.store.close()
    for file in state.parent.glob("state.db*"):
        file.unlink()
    copied(copy, state)
    later = await start()
    assert await later.watch.start() == 1
    with pytest.raises(SessionEnded) as ended:
        await later.sessions.open(realm_of(later), begun.handle, "cookie")
    assert ended.value.reason == "idle"
