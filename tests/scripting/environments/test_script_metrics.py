"""What ``/metrics`` tells about scripts."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from sojourn.admin.metrics import EngineCollector, Measured
from sojourn.bootstrap import Engine
from sojourn.engine.manager import SessionManager
from sojourn.http.application import Application
from sojourn.pipelines.deployment import Deployment
from sojourn.pipelines.runner import Runner
from sojourn.scripting.errors import EnvironmentsExhausted, ScriptFailed
from tests.scripting.environments.conftest import Build

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("runtime", ["ije"], indirect=True)]


async def test_executions_environments_and_refusals_are_counted(build: Build, rooms: Engine) -> None:
    house = build(max_environments=2)
    session = await house.session("desk", "ana")
    await house.run(session, "1")
    with pytest.raises(ScriptFailed):
        await house.run(session, "throw 1")
    await house.run(await house.session("desk", "ben"), "1")
    with pytest.raises(EnvironmentsExhausted):
        await house.run(await house.session("desk", "ana"), "1", scripts=("ufs:/outer.js",))
    application = Application(rooms.rules, Deployment([]), Runner(rooms.rules), scripts=house.scripts)
    registry = CollectorRegistry()
    measured = await Measured.now(SessionManager(rooms.rules))
    registry.register(EngineCollector(rooms.rules, application, rooms.changes, measured))
    lines = generate_latest(registry).decode().splitlines()
    assert 'sojourn_script_executions_total{outcome="ok",realm="desk-ije"} 2.0' in lines
    assert 'sojourn_script_executions_total{outcome="failed",realm="desk-ije"} 1.0' in lines
    assert 'sojourn_script_environments{runtime="ije",state="idle"} 2.0' in lines
    assert 'sojourn_script_environments_opened_total{runtime="ije"} 2.0' in lines
    assert 'sojourn_script_environments_refused_total{limit="environment.ceiling"} 1.0' in lines
    assert any(line.startswith('sojourn_script_seconds_total{realm="desk-ije"}') for line in lines)
    assert "sojourn_sessions_standalone 0.0" in lines
