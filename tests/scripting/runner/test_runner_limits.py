"""What a script could get around by letting runners do it."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from sojourn.bootstrap import Engine
from sojourn.core.ids import new_execution_key
from sojourn.engine.live import Session
from sojourn.scripting.api.logger import MOST
from sojourn.scripting.errors import ScriptTimeout
from sojourn.scripting.exchange import Exchange, ScriptRequest
from sojourn.scripting.order import Order
from sojourn.scripting.response import ScriptResponse
from sojourn.scripting.runtime import RuntimeName, Script
from tests.scripting.runner.conftest import PASSWORD, Caller, _caller

pytestmark = pytest.mark.anyio

#: Three ways to a session of one's own that has the user of the caller.
ONCE = "executeScript('ufs:/act.js')"
TWICE = "executeScript('ufs:/deep.js')"
LENT = "const r = new ScriptRunner('ufs:/act.js', {realm: 'shop'}); r.loginBySession(session); r.run()"

FLOOD = "for (let i = 0; i < 600; i++) console.log('flood'); 1"


async def test_runners_log_no_more_than_the_execution_that_has_made_them(
    anna: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="sojourn.scripts")
    await anna(
        f"const r = runner('sum.js'); const f = {FLOOD!r}; r.evaluate(f); r.evaluate(f); r.clear(); r.evaluate(f)"
    )
    assert sum("flood" in line or "enough" in line for line in caplog.messages) == MOST


async def test_a_narrower_handle_of_the_session_gets_no_more_of_a_runners_session(
    engine: Engine, runtime_name: RuntimeName
) -> None:
    full = await _caller(engine, runtime_name, "desk")
    assert await full.session.login("anna", PASSWORD)
    sid = await full("var r = new ScriptRunner('ufs:/sum.js', {realm: 'desk'}); r.loginBySession(session); r.sessionId")
    standalone, maker = engine.rules.sessions.standalone, full.session.access
    narrow = replace(maker, delegated=True, scope=frozenset({"stock.read"}), read_only=True)
    for asks, scope in ((maker, {"stock.read", "stock.write"}), (narrow, {"stock.read"}), (maker, maker.scope)):
        opened = await standalone.reopen(asks, str(sid))
        assert (opened.delegated, opened.read_only, opened.scope) == (asks.delegated, asks.read_only, scope)


@pytest.mark.parametrize(
    "act",
    [
        "session.authorizeToken(new AuthToken(''))",
        "session.revokeAuthTokenByKey(1)",
        "security.revokeAuthTokenByKey(1)",
    ],
)
@pytest.mark.parametrize("way", [ONCE, TWICE, LENT])
async def test_runners_are_no_way_round_the_fresh_login(anna: Caller, runner_project: Path, way: str, act: str) -> None:
    (runner_project / "scripts" / "act.js").write_text(f"{act}; 'done'")
    (runner_project / "scripts" / "deep.js").write_text(ONCE)
    limit = anna.session.realm.config.fresh_login
    assert isinstance(limit, int)
    code = f"let said = ''; try {{ {way} }} catch (e) {{ said = `${{e.message}}` }} said"
    said = await served(anna, age(anna.session, limit + 1_000), code)
    assert "needs a login of the last minutes" in str(said)


async def test_a_fresh_login_is_fresh_in_runners_and_where_nobody_asks_none_is_needed(
    anna: Caller, runner_project: Path
) -> None:
    code = "executeScript('ufs:/issue.js')"
    (runner_project / "scripts" / "issue.js").write_text("session.authorizeToken(new AuthToken('')).slice(0, 4)")
    assert await served(anna, anna.session, code) == "sjt_"
    anna.session = age(anna.session, 10**9)
    assert await anna(code) == "sjt_"


def age(session: Session, by: int) -> Session:
    """The session as if its login were ``by`` milliseconds older."""
    access, record = session.access, session.access.session
    identity = replace(record.identity, login_at=record.identity.login_at - by)
    return Session(session._rules, replace(access, session=replace(record, identity=identity)))


async def served(caller: Caller, session: Session, code: str) -> object:
    """The value of a script that serves a request."""
    exchange = Exchange(request=ScriptRequest(method="POST", path="/"), response=ScriptResponse(most=1_000))
    task = Script(code, "ufs:/test.js")
    order = Order(session=session, task=task, execution_key=new_execution_key(), what="test", exchange=exchange)
    return (await caller.engine.scripts.execute(order)).value


# --- CPU ---


@pytest.mark.parametrize("file", ["burn", "burn_deep"])
async def test_all_that_a_script_runs_has_the_cpu_of_that_script(
    engine: Engine, runtime_name: RuntimeName, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    caplog.set_level(logging.INFO, logger="sojourn.scripts")
    caller = await _caller(engine, runtime_name, "tight")
    burn = f"function burn() {{ const r = runner('{file}.js'); r.publishGlobalProperty('ms', 100); return r.run(); }}\n"
    with pytest.raises(ScriptTimeout, match="with those that it has run, used more than 400 ms of CPU"):
        await caller(burn + "for (;;) { try { burn(); } catch { } }")
    # None of them came near the limit of its own.
    assert sum("burnt" in line for line in caplog.messages) >= 1
    # The next execution has its own.
    assert await caller(burn + ("burn(); 'done'" if file == "burn" else "'done'")) == "done"


async def test_what_its_runners_have_used_a_script_does_not_have_itself(
    engine: Engine, runtime_name: RuntimeName
) -> None:
    caller = await _caller(engine, runtime_name, "tight")
    code = "executeScript('ufs:/burn.js', 'ms', 200); const end = Date.now() + %d; while (Date.now() < end); 'done'"
    assert await caller(code % 20) == "done"
    began = time.monotonic()
    with pytest.raises(ScriptTimeout, match="with those that it has run"):
        await caller(code % 5_000)
    assert time.monotonic() - began < 5
    assert not await engine_is_busy(engine)


async def engine_is_busy(engine: Engine) -> bool:
    await engine.scripts.tidy()
    return bool(engine.rules.activity.in_use())


async def test_one_execution_makes_only_so_many_runners(anna: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sojourn.scripting.runners.MOST_OPENED", 5)
    made = (
        "let n = 0, said = ''; try { for (;;) { executeScript('ufs:/strict.js'); n++; } } catch (e) { said = e.name; }"
    )
    assert await anna(made + "[n, said]") == [5, "RunnersExhausted"]
    assert await anna("executeScript('ufs:/strict.js')") == 2
