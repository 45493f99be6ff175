"""How long the audit log is kept, to the millisecond, and how a person is taken out of it."""

from __future__ import annotations

from typing import Any

import pytest

from sojourn.config.settings import AuditSettings
from sojourn.core import json
from sojourn.core.clock import DAY, ManualClock
from sojourn.core.errors import BadRequest, StoreUnavailable
from sojourn.core.json import Json
from sojourn.engine.audit import keeping as audit_keeping
from sojourn.engine.audit.keeping import AuditKeeping
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase

pytestmark = pytest.mark.anyio


@pytest.fixture
def keeping(db: EngineDatabase, audit: Audit, clock: ManualClock) -> AuditKeeping:
    return AuditKeeping(db=db, audit=audit, settings=AuditSettings(keep=10, keep_addresses=3), clock=clock)


async def test_an_address_goes_at_its_instant_and_not_before(
    audit: Audit, keeping: AuditKeeping, clock: ManualClock
) -> None:
    await audit.record("LOGIN", realm="r1", outcome="ok", actor="ann", address="192.0.2.7")
    clock.advance(3 * DAY - 1)
    assert await keeping.round() is False
    assert (await audit.recent())[0].address == "192.0.2.7"
    clock.advance(1)
    await keeping.round()
    (event,) = await audit.recent()
    assert (event.address, event.actor) == ("", "ann")
    assert (keeping.erased, keeping.deleted) == (1, 0)
    await keeping.round()
    assert keeping.erased == 1


async def test_an_event_goes_at_its_instant_and_not_before(
    audit: Audit, keeping: AuditKeeping, clock: ManualClock
) -> None:
    await audit.record("LOGIN", realm="r1", outcome="ok", actor="ann")
    clock.advance(1)
    await audit.record("LOGOUT", realm="r1", outcome="ok", actor="ann")
    clock.advance(10 * DAY - 2)
    await keeping.round()
    assert len(await audit.recent()) == 2
    clock.advance(1)
    await keeping.round()
    assert [event.kind for event in await audit.recent()] == ["LOGOUT"]
    clock.advance(1)
    await keeping.round()
    assert await audit.recent() == []
    assert keeping.deleted == 2


async def test_a_round_is_bounded_and_the_next_goes_on(
    audit: Audit, keeping: AuditKeeping, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_keeping, "BATCH", 3)
    monkeypatch.setattr(audit_keeping, "MOST_BATCHES", 2)
    for number in range(10):
        await audit.record("LOGIN", realm="r1", outcome="ok", address=f"192.0.2.{number}")
    clock.advance(3 * DAY)
    assert await keeping.round() is True
    assert sum(event.address != "" for event in await audit.recent()) == 4
    assert await keeping.round() is False
    assert all(event.address == "" for event in await audit.recent())
    clock.advance(7 * DAY)
    assert await keeping.round() is True
    assert len(await audit.recent()) == 4
    assert await keeping.round() is False
    assert await audit.recent() == []


async def test_a_person_is_gone_from_every_event_and_what_was_done_stays(
    audit: Audit, keeping: AuditKeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_keeping, "BATCH", 2)
    await audit.record("LOGIN", realm="r1", outcome="ok", actor="ann", session="s1", address="192.0.2.7")
    await audit.record("LOGIN", realm="r1", outcome="ok", actor="anna", address="192.0.2.8", detail={"n": 1})
    await audit.record("LOGIN_FAIL", realm="r1", outcome="failed", address="192.0.2.9", detail={"userName": "ANN"})
    detail: dict[str, Json] = {
        "act": "joined",
        "to": ["ann", "ben"],
        "ann@example.org": "told ann. And ann.b too",
        "n": 7,
    }
    await audit.record("GROUP_CHANGE", realm="", outcome="ok", actor="root", address="192.0.2.10", detail=detail)
    assert await keeping.erase(["Ann", "ann@example.org"], actor="host") == 3
    done, begun, group, failed, anna, login = await audit.recent()
    assert (login.kind, login.outcome, login.realm, login.session) == ("LOGIN", "ok", "r1", "s1")
    assert (login.actor, login.address) == ("[erased]", "")
    assert (anna.actor, anna.address) == ("anna", "192.0.2.8")
    assert (json.decode(failed.detail), failed.address) == ({"userName": "[erased]"}, "")
    assert group.actor == "root"
    assert json.decode(group.detail) == {
        "act": "joined",
        "to": ["[erased]", "ben"],
        "[erased]": "told [erased]. And ann.b too",
        "n": 7,
    }
    assert (begun.kind, begun.actor, json.decode(begun.detail)) == (
        "AUDIT_ERASE",
        "host",
        {"act": "begun", "events": 0},
    )
    assert json.decode(done.detail) == {"act": "done", "events": 3}


@pytest.mark.parametrize("names", [[], [""], [" "]])
async def test_nobody_is_not_a_person(audit: Audit, keeping: AuditKeeping, names: list[str]) -> None:
    with pytest.raises(BadRequest):
        await keeping.erase(names, actor="host")
    assert await audit.recent() == []


async def test_nothing_is_erased_when_that_cannot_be_audited(
    audit: Audit, db: EngineDatabase, keeping: AuditKeeping
) -> None:
    await audit.record("LOGIN", realm="r1", outcome="ok", actor="ann")

    def refuse(*_args: Any, **_facts: Any) -> Any:
        raise StoreUnavailable("the audit log cannot be written")

    audit.row = refuse  # type: ignore[method-assign]  # a log that cannot be written
    with pytest.raises(StoreUnavailable):
        await keeping.erase(["ann"], actor="host")
    assert (await audit.recent())[0].actor == "ann"
