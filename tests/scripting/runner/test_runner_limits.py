"""What a script could get around by letting runners do it."""

from __future__ import annotations

import logging

import pytest
from msgspec.structs import replace

from sojourn.bootstrap import Engine
from sojourn.scripting.api.logger import MOST
from sojourn.scripting.runtime import RuntimeName
from tests.scripting.runner.conftest import PASSWORD, Caller, _caller

pytestmark = pytest.mark.anyio

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
