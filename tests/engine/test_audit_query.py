"""Asking the audit log: every condition, pages that neither skip nor repeat, and rare things in a long log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sojourn.core import json
from sojourn.core.clock import ManualClock
from sojourn.core.errors import BadRequest
from sojourn.engine.audit.log import Audit, AuditEvent, AuditPlace, Wanted
from sojourn.engine.audit.log_types import KINDS
from sojourn.engine.audit.query import MOST_WINDOWS, WINDOW
from sojourn.engine.database import EngineDatabase
from sojourn.model.realm import Realm

pytestmark = pytest.mark.anyio


async def every(audit: Audit, wanted: Wanted, limit: int = 3) -> list[AuditEvent]:
    """All that is wanted, a page at a time."""
    found: list[AuditEvent] = []
    place: AuditPlace | None = None
    while True:
        page = await audit.query(wanted, after=place, limit=limit)
        assert len(page.events) <= limit
        found += page.events
        if page.next is None:
            return found
        place = page.next


@pytest.fixture
async def start(audit: Audit, clock: ManualClock) -> int:
    """Ten events, one a second."""
    start = clock.now()
    await audit.record("LOGIN", realm="r1", outcome="ok", actor="ann", session="s1", address="192.0.2.7")
    rows: list[dict[str, Any]] = [
        {
            "kind": "LOGIN_FAIL",
            "realm": "r1",
            "outcome": "failed",
            "address": "192.0.2.99",
            "detail": {"userName": "Äne"},
        },
        {"kind": "LOGIN", "realm": "r2", "outcome": "ok", "actor": "ann", "session": "s2", "address": "2001:db8::7"},
        {"kind": "USER_CHANGE", "realm": "", "outcome": "ok", "actor": "root", "detail": {"act": "created"}},
        {
            "kind": "REFUSAL",
            "realm": "r1",
            "outcome": "refused",
            "address": "::ffff:192.0.2.8",
            "detail": {"cause": "c1"},
        },
        {"kind": "REFUSAL", "realm": "r2", "outcome": "refused", "address": "unix", "detail": {"cause": "c2"}},
        {"kind": "SCOPE_CHANGE", "realm": "", "outcome": "ok", "actor": "root"},
        {"kind": "LOGOUT", "realm": "r1", "outcome": "ok", "actor": "ann", "session": "s1"},
        {"kind": "LOGOUT", "realm": "r2", "outcome": "failed", "actor": "ann", "session": "s2"},
        {"kind": "LOGIN", "realm": "r1", "outcome": "ok", "actor": "ben", "session": "s3"},
    ]
    for row in rows:
        clock.advance(1_000)
        await audit.record(**row)
    return start


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (Wanted(oldest_first=True), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (Wanted(kinds=frozenset({"LOGIN", "LOGOUT"})), [9, 8, 7, 2, 0]),
        (Wanted(kinds=frozenset({"LOGIN"}), oldest_first=True), [0, 2, 9]),
        (Wanted(outcome="failed"), [8, 1]),
        (Wanted(realms=frozenset({"r1"})), [9, 7, 4, 1, 0]),
        (Wanted(realms=frozenset({"r1", ""})), [9, 7, 6, 4, 3, 1, 0]),
        (Wanted(realms=frozenset({"", "r2"}), oldest_first=True), [2, 3, 5, 6, 8]),
        (Wanted(realms=frozenset()), []),
        (Wanted(actor="root"), [6, 3]),
        (Wanted(actor="ann", realms=frozenset({"r1", "r2"})), [8, 7, 2, 0]),
        (Wanted(actor="ann", realms=frozenset({"r2"})), [8, 2]),
        (Wanted(session="s1"), [7, 0]),
        (Wanted(session="s1", realms=frozenset({"r2"})), []),
        (Wanted(address="192.0.2.7"), [0]),
        (Wanted(address="192.0.2.0/24"), [4, 1, 0]),
        (Wanted(address="2001:db8::/64"), [2]),
        (Wanted(cause="c2"), [5]),
        (Wanted(text="äNE"), [1]),
        (Wanted(text="CREATED", kinds=frozenset({"USER_CHANGE"})), [3]),
    ],
)
async def test_each_condition_finds_exactly_its_events(
    audit: Audit, start: int, wanted: Wanted, found: list[int]
) -> None:
    for limit in (1, 3, 100):
        assert [(event.at - start) // 1_000 for event in await every(audit, wanted, limit)] == found


async def test_a_time_is_from_the_first_instant_and_before_the_second(audit: Audit, start: int) -> None:
    found = await every(audit, Wanted(since=start + 2_000, until=start + 5_000))
    assert [(event.at - start) // 1_000 for event in found] == [4, 3, 2]


async def test_an_actor_without_realms_is_found_in_every_realm(audit: Audit, realm: Realm, clock: ManualClock) -> None:
    for number, place in enumerate((realm.id, "", realm.id)):
        await audit.record("LOGIN", realm=place, outcome="ok", actor="ann", detail={"n": number})
        await audit.record("LOGIN", realm=place, outcome="ok", actor="ben")
    found = await every(audit, Wanted(actor="ann"), 2)
    assert [json.decode(event.detail)["n"] for event in found] == [2, 1, 0]
    assert await audit.names(found) == {realm.id: "acme"}


@pytest.mark.parametrize(
    "wanted",
    [Wanted(kinds=frozenset({"NOTHING"})), Wanted(outcome="fine"), Wanted(address="here"), Wanted(address="1/2")],
)
async def test_what_cannot_be_asked_is_refused(audit: Audit, wanted: Wanted) -> None:
    with pytest.raises(BadRequest):
        await audit.query(wanted)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    moves=st.lists(st.tuples(st.integers(-2, 2), st.sampled_from(["r1", "r2", ""])), max_size=25),
    limit=st.integers(1, 7),
    oldest_first=st.booleans(),
)
async def test_pages_neither_skip_nor_repeat_though_clocks_go_back(
    audit: Audit, clock: ManualClock, moves: list[tuple[int, str]], limit: int, *, oldest_first: bool
) -> None:
    for step, realm in moves:
        clock.advance(step)
        await audit.record("ADMIN", realm=realm, outcome="ok")
    realms = frozenset({"r1", ""})
    whole = await audit.query(Wanted(realms=realms, oldest_first=oldest_first), limit=10_000)
    assert whole.next is None
    paged = await every(audit, Wanted(realms=realms, oldest_first=oldest_first), limit)
    assert paged == list(whole.events)
    order = [(event.at, event.key) for event in paged]
    assert order == sorted(order, reverse=not oldest_first)


async def test_a_search_for_something_rare_gives_way_and_goes_on(
    audit: Audit, db: EngineDatabase, clock: ManualClock
) -> None:
    await audit.record("KEY_CHANGE", realm="r1", outcome="ok")
    row = audit.row("ADMIN", realm="r1", outcome="ok")

    def fill(connection: Any) -> None:
        connection.execute(row.table.insert(), [row.compile().params] * (WINDOW * MOST_WINDOWS))

    await db.write(fill)
    wanted = Wanted(kinds=frozenset({"KEY_CHANGE"}))
    first = await audit.query(wanted)
    assert first.events == []
    assert first.next is not None
    second = await audit.query(wanted, after=first.next)
    assert [event.kind for event in second.events] == ["KEY_CHANGE"]
    assert second.next is None


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(since=5, until=9),
        Wanted(session="s1"),
        Wanted(realms=frozenset({"r1"})),
        Wanted(realms=frozenset({"r1"}), actor="ann"),
        Wanted(realms=frozenset({"r1"}), oldest_first=True),
    ],
)
async def test_every_read_is_a_piece_of_one_index(audit: Audit, db: EngineDatabase, wanted: Wanted) -> None:
    plans: list[str] = []
    real = db.read

    async def explained(work: Any) -> Any:
        def run(connection: Any) -> Any:
            class Explaining:
                def execute(self, statement: Any) -> Any:
                    text = statement.compile(connection, compile_kwargs={"literal_binds": True}).string
                    plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + text).all()
                    plans.append(" | ".join(row[-1] for row in plan))
                    return connection.execute(statement)

            return work(Explaining())

        return await real(run)

    db.read = explained  # type: ignore[method-assign]  # what is asked is looked at on its way
    await audit.query(wanted, after=AuditPlace(8, 8))
    assert plans
    for plan in plans:
        assert "USING INDEX" in plan, plan
        assert "TEMP B-TREE" not in plan, plan


def test_the_log_types_of_the_reference_are_there() -> None:
    reference = {
        *("LOGIN", "LOGIN_FAIL", "LOGOUT", "REMOTE_LOGIN", "REMOTE_LOGIN_FAIL", "PASSWORD_CHANGE"),
        *("PASSWORD_RESET_REQUEST", "PASSWORD_RESET_CONFIRMATION", "USER_LOCK", "USER_UNLOCK"),
    }
    assert reference < set(KINDS)
    assert len(KINDS) == len(set(KINDS))
