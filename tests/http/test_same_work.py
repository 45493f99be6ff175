"""Neither answer nor work tells whether there is an account: hashes, reads, writes and acts of the store are the same."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.model.user import AccountState
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Answer, Client

pytestmark = pytest.mark.anyio

Ask = Callable[[Client, str], Awaitable[Answer]]


#: True in what a request does and begins, and not in the upkeep of the engine beside it.
asked = ContextVar("asked", default=False)


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@pytest.fixture
async def work(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is done, counted: this is what takes time that a client can measure."""
    counts: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        act = getattr(owner, name)

        async def counted(*args: Any, **options: Any) -> Any:
            counts[f"{type(owner).__name__}.{name}"] += asked.get()
            return await act(*args, **options)

        monkeypatch.setattr(owner, name, counted)

    rules = engine.rules
    hasher = rules.passwords._records._hasher
    for owner, names in (
        (hasher, ["_run"]),
        (rules.db, ["read", "write"]),
        (rules.store, [name for name, _ in inspect.getmembers(rules.store, inspect.iscoroutinefunction)]),
    ):
        for name in names:
            if not name.startswith("__"):
                count(owner, name)
    states: dict[str, AccountState] = {"locked": "locked", "shut": "disabled"}
    for name, state in states.items():
        account = await rules.users.add("main", name, PASSWORD, f"{name}@example.org")
        await rules.users.set_state(account.key, state)
    return counts


async def login(client: Client, name: str) -> Answer:
    return await client.post("/realms/web/login", value={"userName": name, "password": "a wrong password"})


async def reset(client: Client, name: str) -> Answer:
    return await client.post("/realms/web/password-reset", value={"userName": name})


async def confirm(client: Client, name: str) -> Answer:
    body = {"userName": name, "code": "AAAAAAAAAAA", "newPassword": "eight loud otters at dusk"}
    return await client.post("/realms/web/password-reset/confirm", value=body)


@pytest.mark.parametrize("ask", [login, reset, confirm], ids=["login", "reset", "confirm"])
async def test_no_name_is_told_by_the_answer_or_by_the_work_for_it(
    client: Client, engine: Engine, work: Counter[str], ask: Ask
) -> None:
    await ask(client, "warm")
    await engine.rules.mailer.idle()
    found = {}
    for name in ("nobody", "ana", "locked", "shut", "another nobody"):
        work.clear()
        during = asked.set(True)
        answer = await ask(client, name)
        asked.reset(during)
        done = +work  # without what the upkeep does, which counts for nothing
        await engine.rules.mailer.idle()
        body = answer.json() | {"executionKey": ""}
        headers = sorted((key, value) for key, value in answer.headers if key not in {"date", b"date"})
        found[name] = (answer.status, body, headers, dict(done))
    assert len({repr(told) for told in found.values()}) == 1, found
    assert found["ana"][3], "nothing was counted"
    if ask is login:
        assert found["ana"][3]["PasswordHasher._run"] == 1
