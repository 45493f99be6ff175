"""The audit log: nothing forged, nothing lost, not flooded."""

import pytest

from sojourn.core import json
from sojourn.core.clock import ManualClock
from sojourn.core.errors import StoreUnavailable
from sojourn.core.json import Json
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.model.address import address_block

pytestmark = pytest.mark.anyio


async def test_an_event_says_who_when_from_where_which_session_and_how_it_went(
    audit: Audit, clock: ManualClock
) -> None:
    await audit.record(
        "LOGIN",
        realm="r1",
        outcome="ok",
        actor="ann",
        session="s1",
        address="192.0.2.1",
        detail={"via": "password", "tries": 2},
    )
    clock.advance(5)
    await audit.record("LOGOUT", realm="r1", outcome="ok", detail="by herself")
    last, first = await audit.recent()
    assert (first.kind, first.outcome, first.realm, first.actor) == ("LOGIN", "ok", "r1", "ann")
    assert (first.session, first.address, first.at) == ("s1", "192.0.2.1", clock.now() - 5)
    assert json.decode(first.detail) == {"via": "password", "tries": 2}
    assert json.decode(last.detail) == {"text": "by herself"}
    assert last.key > first.key
    assert await audit.recent(1) == [last]


@pytest.mark.parametrize(
    "evil", ["a\nLOGIN ok root", "a\r\nb", "a\x1b[2Kb", "a\u2028b", "a\u202eb", "a\x00b", "a\ud800b", "\x85"]
)
async def test_no_name_of_a_client_can_begin_a_line_or_hide(audit: Audit, evil: str) -> None:
    detail: dict[str, Json] = {evil: [{"name": evil}], "n": 1, "none": None}
    await audit.record("LOGIN_FAIL", realm="r1", outcome="failed", actor=evil, address=evil, detail=detail)
    event = (await audit.recent())[0]
    for text in (event.actor, event.address, event.detail):
        assert text.isprintable()
    assert event.actor.startswith(evil[0] if evil[0].isprintable() else "\\u{")
    assert json.decode(event.detail)["n"] == 1


async def test_a_long_name_is_cut(audit: Audit) -> None:
    await audit.record("LOGIN_FAIL", realm="", outcome="failed", actor="x" * 100_000)
    assert len((await audit.recent())[0].actor) < 600


async def test_a_row_is_written_with_its_act_or_not_at_all(audit: Audit, db: EngineDatabase) -> None:
    def act(connection) -> None:  # type: ignore[no-untyped-def]  # any connection
        connection.execute(audit.row("ADMIN", realm="", outcome="ok", actor="root"))
        raise KeyError

    with pytest.raises(KeyError):
        await db.write(act)
    assert await audit.recent() == []


async def test_an_act_whose_event_cannot_be_written_is_refused(audit: Audit, db: EngineDatabase) -> None:
    await db.close()
    with pytest.raises(StoreUnavailable):
        await audit.record("LOGIN", realm="r1", outcome="ok")


async def test_a_refusal_stands_though_it_cannot_be_written(audit: Audit, db: EngineDatabase) -> None:
    await db.close()
    await audit.refused("auth.bad_token", "192.0.2.1")
    assert audit.refusals() == {"auth.bad_token": 1}
    assert audit.unwritten() == 1


async def test_ten_refusals_a_second_are_written_per_cause_and_block_and_all_are_counted(
    audit: Audit, clock: ManualClock
) -> None:
    for host in range(30):
        await audit.refused("auth.bad_token", f"192.0.2.{host}", realm="r1", detail={"n": host})
    await audit.refused("auth.bad_token", "198.51.100.1")
    await audit.refused("request.cross_site", "192.0.2.1")
    events = await audit.recent(100)
    assert len(events) == 12
    assert {event.kind for event in events} == {"REFUSAL"}
    assert json.decode(events[-1].detail) == {"cause": "auth.bad_token", "n": 0}
    clock.advance(1_000)
    await audit.refused("auth.bad_token", "192.0.2.1")
    assert len(await audit.recent(100)) == 13
    assert audit.refusals() == {"auth.bad_token": 32, "request.cross_site": 1}
    assert audit.unwritten() == 20


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_neighbours_share_a_block(address: str, block: str) -> None:
    assert address_block(address) == block
