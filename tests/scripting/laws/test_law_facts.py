"""What a worker is told before it asks, and what becomes of a scope after its last task; on both runtimes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sojourn.core.errors import Forbidden
from sojourn.scripting.errors import ScriptFailed
from sojourn.scripting.runtime import Script
from sojourn.scripting.values import Value
from tests.scripting.conftest import LIMITS, Running

pytestmark = pytest.mark.anyio


class Telling:
    """Facts that change when a test says so."""

    def __init__(self, **facts: Value) -> None:
        self.facts: Mapping[str, Value] = {f"Session.{name}": value for name, value in facts.items()}
        self.changed = False

    def __call__(self, begins: bool) -> Mapping[str, Value] | None:  # noqa: FBT001
        told = begins or self.changed
        self.changed = False
        return self.facts if told else None


async def run(js: Running, code: str, facts: Telling | None = None, *, last: bool = False) -> Value:
    return await js.worker.run(Script(code, "ufs:/facts.js"), js.host, LIMITS, facts=facts, last=last)


async def test_what_is_told_is_not_asked_for(js: Running) -> None:
    js.host.functions["Session.id"] = lambda: "asked"
    facts = Telling(userKey=7, userName="ana \u2028 'quoted'", subject=None)
    found = await run(js, "[session.userKey, session.userName, session.subject, session.id]", facts)
    assert found == [7, "ana \u2028 'quoted'", None, "asked"]
    assert [name for name, _ in js.host.calls] == ["Session.id"]


async def test_what_a_call_changes_is_told_with_its_answer(js: Running) -> None:
    facts = Telling(userName="anonymous")

    def login(name: str, _password: str) -> bool:
        facts.facts, facts.changed = {"Session.userName": name}, True
        if name == "nobody":
            raise Forbidden
        return True

    js.host.functions["Session.login"] = login
    code = """
    const seen = [session.userName];
    session.login('ana', 'x'); seen.push(session.userName);
    try { session.login('nobody', 'x'); } catch { seen.push(session.userName); }
    seen
    """
    assert await run(js, code, facts) == ["anonymous", "ana", "nobody"]
    assert {name for name, _ in js.host.calls} == {"Session.login"}


async def test_the_next_task_knows_nothing_of_what_the_one_before_was_told(js: Running) -> None:
    js.host.functions["Session.userName"] = lambda: "asked"
    assert await run(js, "session.userName", Telling(userName="ana")) == "ana"
    assert await run(js, "session.userName", Telling(userName="ben")) == "ben"
    assert await run(js, "session.userName") == "asked"


async def test_scripts_cannot_change_what_they_were_told(js: Running) -> None:
    code = """
    for (const key of ['Session.userKey', 'f', 'facts']) {
      Object.defineProperty(Object.prototype, key, { configurable: true, get: () => 1, set() {} });
    }
    Object.hasOwn = () => false; Object.prototype.hasOwnProperty = () => false;
    try { session.userKey = 1; } catch {}
    [session.userKey, session.userKey]
    """
    assert await run(js, code, Telling(userKey=7)) == [7, 7]
    assert js.host.calls == []


@pytest.mark.parametrize("code", ["globalThis.left = 1", "globalThis.left = 1; throw new Error('out')"])
async def test_after_the_last_task_the_scope_is_thrown_away(js: Running, code: str) -> None:
    pid = js.worker.pid
    try:
        await run(js, code, last=True)
    except ScriptFailed as failed:
        assert failed.text == "out"  # noqa: PT017 - one of the two throws
    if not js.worker.clean:
        await js.worker.reset()
    assert await run(js, "typeof left") == "undefined"
    assert js.worker.pid == pid
    assert not js.worker.clean
