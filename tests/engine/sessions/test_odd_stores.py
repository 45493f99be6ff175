"""A store that fails in a way of its own: no end counts as done, and one bad session stops nothing but itself."""

from typing import Any

import pytest

from sojourn.core.clock import MINUTE
from sojourn.core.errors import SojournError, StoreCorrupt, StoreUnavailable, StoreVersion
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.model.session import Device, Loaded
from sojourn.model.user import account_identity
from sojourn.stores.base import Ended
from sojourn.stores.memory import MemoryStore
from tests.engine.sessions.conftest import PASSWORD, Start, realm_of

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
