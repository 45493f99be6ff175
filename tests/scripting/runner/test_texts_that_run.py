"""A token for certain scripts is for the texts that their owner saw: what runs counts, not what the file holds by now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.ids import new_execution_key
from sojourn.engine.live import Session
from sojourn.model.token import AuthToken
from sojourn.scripting.errors import ScriptFailed
from sojourn.scripting.order import Order
from sojourn.scripting.runtime import Function, RuntimeName, WriteGlobal
from sojourn.scripting.values import Value
from tests.scripting.runner.conftest import PASSWORD, Caller, _caller

pytestmark = pytest.mark.anyio

GOOD = "var go = () => { session.loginByAuthToken(token); return session.scope; }; 'good'"
EVIL = "var go = () => { session.loginByAuthToken(token); return session.scope + ' stolen'; }; 'evil'"

Write = Callable[[str], None]


@pytest.fixture
def write(runner_project: Path) -> Write:
    """Give the file of the script another text."""

    def written(text: str) -> None:
        (runner_project / "scripts" / "go.js").write_text(text)

    return written


async def token_for(caller: Caller) -> str:
    """A token for the script as its file is now."""
    return await caller.session.authorize_token(AuthToken(scope="stock.read ufs:/go.js"))


async def ben(engine: Engine, runtime: RuntimeName, realm: str = "shop") -> Session:
    return (await _caller(engine, runtime, realm)).session


async def gone(engine: Engine, session: Session, token: str, change: Callable[[], None] = lambda: None) -> Value:
    """What the script's function gives, with ``change`` between the load of the script and the call."""
    key = new_execution_key()
    async with engine.scripts.hold(Order(session=session, task="", execution_key=key, what="test")) as held:
        await held.execute(WriteGlobal("token", token))
        await held.execute("ufs:/go.js")
        change()
        return await held.execute(Function("go"))


async def test_a_file_that_changes_while_its_old_text_runs_lets_the_old_text_in_or_not_as_before(
    anna: Caller, engine: Engine, runtime_name: RuntimeName, write: Write
) -> None:
    write(GOOD)
    token = await token_for(anna)
    assert await gone(engine, await ben(engine, runtime_name), token, lambda: write(EVIL)) == "stock.read ufs:/go.js"
    write(EVIL)
    with pytest.raises(ScriptFailed, match="refused"):
        await gone(engine, await ben(engine, runtime_name), token, lambda: write(GOOD))


async def test_an_older_text_may_have_left_something_in_the_environment(
    engine: Engine, runtime_name: RuntimeName, write: Write
) -> None:
    write(GOOD)
    first, second = await ben(engine, runtime_name, "desk"), await ben(engine, runtime_name, "desk")
    desk = await engine.login("desk", "anna", PASSWORD)
    assert desk is not None
    token = await desk.authorize_token(AuthToken(scope="stock.read ufs:/go.js"))
    write(EVIL)
    with pytest.raises(ScriptFailed, match="refused"):
        await gone(engine, first, token)
    write(GOOD)
    with pytest.raises(ScriptFailed, match="refused"):
        await gone(engine, first, token)
    assert await gone(engine, second, token) == "stock.read ufs:/go.js"


async def test_a_runner_runs_the_text_that_it_was_made_with(
    anna: Caller, engine: Engine, runtime_name: RuntimeName, write: Write, runner_project: Path
) -> None:
    write(GOOD)
    (runner_project / "scripts" / "made.js").write_text(
        "var r = new ScriptRunner('ufs:/go.js'); var go = () => { r.publishGlobalProperty('token', token); "
        "return r.run() + ' ' + r.callFunction('go'); }"
    )
    token = await anna.session.authorize_token(AuthToken(scope="stock.read ufs:/go.js ufs:/made.js"))
    key, session = new_execution_key(), await ben(engine, runtime_name)
    async with engine.scripts.hold(Order(session=session, task="", execution_key=key, what="test")) as held:
        await held.execute(WriteGlobal("token", token))
        await held.execute("ufs:/made.js")
        write(EVIL)
        assert str(await held.execute(Function("go"))).startswith("good stock.read")
