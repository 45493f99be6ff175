"""What an operator sees of sessions, and how he ends them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import HOUR, MINUTE, ManualClock, iso
from sojourn.engine.sessions import Begun
from sojourn.model.session import Device, Identity
from sojourn.model.user import external_identity
from tests.admin.conftest import Begin, Hire
from tests.http.wire_client import Client, Pair

pytestmark = pytest.mark.anyio

VIEW, MANAGE = "engine.viewSessions", "engine.manageSessions"


async def listed(admin: Client, token: Pair, query: str = "") -> list[dict[str, Any]]:
    answer = await admin.get(f"/api/v1/sessions?{query}", token)
    assert answer.status == 200, answer
    sessions: list[dict[str, Any]] = answer.json()["sessions"]
    return sessions


async def guest(engine: Engine, realm: str = "acme", identity: Identity | None = None) -> Begun:
    return await engine.rules.sessions.begin(engine.realm(realm), identity or Identity(), Device(address="192.0.2.9"))


async def test_a_session_is_shown_with_its_times_limits_and_device(
    admin: Client, hire: Hire, begin: Begin, clock: ManualClock
) -> None:
    begun, token = await begin(), await hire(VIEW)
    (shown,) = await listed(admin, token)
    now = clock.now()
    assert shown["id"] == begun.session.id
    assert (shown["realm"], shown["user"]["name"], shown["user"]["kind"]) == ("acme", "ana", "account")
    assert shown["device"] == {"address": "192.0.2.7", "agent": "a browser", "client": ""}
    assert (shown["created"], shown["lastAccess"], shown["idle"]) == (iso(now), iso(now), 15 * MINUTE)
    assert shown["endsAt"] == iso(now + 24 * HOUR)
    assert shown["endsNext"] == {"reason": "idle", "at": iso(now + 15 * MINUTE)}
    assert (shown["epoch"], shown["end"]) == (1, None)


async def test_nothing_that_is_shown_opens_the_session(admin: Client, hire: Hire, begin: Begin) -> None:
    begun, token = await begin(card='"4111 1111"'), await hire(VIEW, MANAGE)
    sid = begun.session.id
    for path in ("/sessions", f"/sessions/{sid}", f"/sessions/{sid}/why"):
        body = (await admin.get("/api/v1" + path, token)).body.decode()
        assert sid in body
        assert begun.handle.secret not in body
        assert begun.session.secret.hex() not in body
        assert "4111" not in body


async def test_of_fields_names_versions_and_sizes_are_shown_and_values_with_a_scope_of_their_own(
    admin: Client, engine: Engine, hire: Hire, begin: Begin
) -> None:
    begun = await begin(card='"4111 1111"', exact="0.10")
    path = f"/api/v1/sessions/{begun.session.id}"
    shown = (await admin.get(path, await hire(VIEW))).json()
    assert [(field["name"], field["bytes"]) for field in shown["fields"]] == [("card", 11), ("exact", 4)]
    assert all(set(field) == {"name", "version", "bytes"} for field in shown["fields"])
    assert (shown["worker"], shown["drop"]) == (0, None)
    answer = await admin.get(f"{path}/fields", await hire("engine.viewFields@acme", name="nosy"))
    assert [field["value"] for field in answer.json()["fields"]] == ["4111 1111", 0.10]
    assert b"0.10" in answer.body
    events = await engine.rules.audit.recent()
    assert any(event.kind == "ADMIN" and event.actor == "nosy" and "showFields" in event.detail for event in events)


async def test_the_list_can_be_narrowed(admin: Client, engine: Engine, hire: Hire, begin: Begin) -> None:
    token = await hire(VIEW)
    ana, web = (await begin()).session.id, (await begin(realm="web")).session.id
    ben = (await begin("ben")).session.id
    nobody = (await guest(engine)).session.id
    outside = (await guest(engine, identity=external_identity("shop", "x-1", (), "", 0))).session.id

    async def ids(query: str) -> set[str]:
        return {session["id"] for session in await listed(admin, token, query)}

    assert await ids("") == {ana, web, ben, nobody, outside}
    assert await ids("realm=acme") == {ana, ben, nobody, outside}
    assert await ids("user=ANA") == {ana, web}
    assert await ids("user=ana&realm=web") == {web}
    assert await ids("user=nobody-at-all") == set()
    assert await ids("space=shop&subject=x-1") == {outside}
    assert await ids("space=shop&subject=x-2") == set()
    assert await ids("kind=anonymous") == {nobody}
    assert await ids("kind=external") == {outside}
    await engine.rules.sessions.end_by_id(engine.realm("acme"), ben, "dropped", actor="host")
    assert await ids("state=ended") == {ben}
    assert ben not in await ids("")


async def test_pages_hold_every_session_once_over_all_realms(
    admin: Client, hire: Hire, begin: Begin, clock: ManualClock
) -> None:
    token, begun = await hire(VIEW), []
    for realm in ("web", "acme", "shop"):
        for _ in range(3):
            begun.append((await begin(realm=realm)).session.id)
            clock.advance(1)
    seen: list[str] = []
    cursor = ""
    for _ in range(12):
        page = (await admin.get(f"/api/v1/sessions?limit=2{cursor}", token)).json()
        assert len(page["sessions"]) <= 2
        seen += [session["id"] for session in page["sessions"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted(begun)
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "nothing=1",
        "kind=robot",
        "state=dead",
        "limit=1&limit=2",
        "space=a",
        "user=a&space=b&subject=c",
        "cursor=x",
        "cursor=W10",
        "cursor=WyJhY21lIiwgLTEsICIiXQ",
        "user=%00",
    ],
)
async def test_a_query_that_makes_no_sense_is_400(admin: Client, hire: Hire, query: str) -> None:
    answer = await admin.get(f"/api/v1/sessions?{query}", await hire(VIEW))
    assert (answer.status, set(answer.json())) == (400, {"message", "code", "executionKey"})


async def test_an_end_is_final_audited_and_the_second_one_answers_the_first(
    admin: Client, engine: Engine, hire: Hire, begin: Begin, clock: ManualClock
) -> None:
    begun = await begin()
    first, second = await hire(MANAGE, name="first"), await hire(MANAGE, name="second")
    path = f"/api/v1/sessions/{begun.session.id}"
    ended = (await admin.post(f"{path}/end", first, value={"reason": "lost phone"})).json()
    at = iso(clock.now())
    assert ended["end"] == {"reason": "dropped", "at": at, "actor": "first", "rule": "lost phone"}
    clock.advance(5)
    assert (await admin.post(f"{path}/end", second, value={"reason": "again"})).json() == ended
    why = (await admin.get(f"{path}/why", second)).json()
    assert (why["alive"], why["end"], why["user"]["name"]) == (False, ended["end"], "ana")
    kinds = [(event.kind, event.actor) for event in await engine.rules.audit.recent(20)]
    assert ("SESSION_END", "first") in kinds
    assert ("ADMIN", "first") in kinds


async def test_a_live_session_has_no_end(admin: Client, hire: Hire, begin: Begin) -> None:
    begun = await begin()
    why = (await admin.get(f"/api/v1/sessions/{begun.session.id}/why", await hire(VIEW))).json()
    assert (why["alive"], why["end"]) == (True, None)


async def test_all_of_a_user_in_one_realm_leaves_the_others(admin: Client, hire: Hire, begin: Begin) -> None:
    await begin()
    web = (await begin(realm="web")).session.id
    token = await hire(f"{MANAGE}@acme")
    ended = await admin.post("/api/v1/users/end-sessions", token, value={"user": "ana", "realm": "acme"})
    assert ended.json() == {"sessionsEnded": 1}
    assert [session["id"] for session in await listed(admin, await hire(VIEW), "user=ana")] == [web]


async def test_all_of_a_user_everywhere_needs_the_scope_everywhere(admin: Client, hire: Hire, begin: Begin) -> None:
    for realm in ("acme", "web"):
        await begin(realm=realm)
    body = {"user": "ana", "reason": "stolen"}
    refused = await admin.post("/api/v1/users/end-sessions", await hire(f"{MANAGE}@acme"), value=body)
    assert refused.status == 403
    token = await hire(MANAGE)
    assert (await admin.post("/api/v1/users/end-sessions", token, value=body)).json() == {"sessionsEnded": 2}
    ended = await listed(admin, token, "state=ended&user=ana")
    assert {session["end"]["rule"] for session in ended} == {"stolen"}


async def test_who_looks_after_one_realm_does_not_learn_which_accounts_exist(admin: Client, hire: Hire) -> None:
    here, everywhere = await hire(f"{MANAGE}@acme"), await hire(MANAGE)
    for name in ("ana", "nobody-at-all"):
        answer = await admin.post("/api/v1/users/end-sessions", here, value={"user": name, "realm": "acme"})
        assert (answer.status, answer.json()) == (200, {"sessionsEnded": 0})
    answer = await admin.post("/api/v1/users/end-sessions", everywhere, value={"user": "nobody-at-all"})
    assert (answer.status, answer.json()["code"]) == (404, "user.unknown")


async def test_all_of_a_realm_ends_anonymous_sessions_too(
    admin: Client, engine: Engine, hire: Hire, begin: Begin
) -> None:
    await begin()
    await guest(engine)
    web, token = (await begin(realm="web")).session.id, await hire(MANAGE)
    assert (await admin.post("/api/v1/realms/acme/end-sessions", token)).json() == {"sessionsEnded": 2}
    assert [session["id"] for session in await listed(admin, token)] == [web]
    assert (await admin.post("/api/v1/realms/nowhere/end-sessions", token)).json()["code"] == "realm.unknown"


async def test_a_drop_gives_notice_can_be_seen_and_be_taken_back(
    admin: Client, hire: Hire, begin: Begin, clock: ManualClock
) -> None:
    begun, token = await begin(), await hire(MANAGE, name="olga")
    path, sid = f"/api/v1/sessions/{begun.session.id}", begun.session.id
    drop = (await admin.post(f"{path}/drop", token, value={"reason": "we close", "after": MINUTE})).json()
    assert drop == {
        "session": sid,
        "realm": "acme",
        "requester": "olga",
        "reason": "we close",
        "requestedAt": iso(clock.now()),
        "dropsAt": iso(clock.now() + MINUTE),
    }
    assert (await admin.get(path, token)).json()["drop"] == drop
    assert (await admin.get("/api/v1/drops", token)).json() == {"drops": [drop]}
    assert (await admin.get("/api/v1/drops", await hire(f"{VIEW}@web"))).json() == {"drops": []}
    assert (await admin.request("DELETE", f"{path}/drop", token)).json() == {"done": True}
    again = await admin.request("DELETE", f"{path}/drop", token)
    assert (again.status, again.json()["code"]) == (404, "session.no_drop")
    assert (await admin.get(path, token)).json()["drop"] is None


async def test_a_drop_comes_after_three_minutes_by_default(
    admin: Client, engine: Engine, hire: Hire, begin: Begin, clock: ManualClock
) -> None:
    begun, token = await begin(), await hire(MANAGE, name="olga")
    path = f"/api/v1/sessions/{begun.session.id}"
    await admin.request("POST", f"{path}/drop", token)
    clock.advance(3 * MINUTE - 1)
    assert await engine.rules.drops.run_due(clock.now()) == 0
    clock.advance(1)
    assert await engine.rules.drops.run_due(clock.now()) == 1
    assert (await admin.get(f"{path}/why", token)).json()["end"]["actor"] == "olga"


async def test_what_executes_is_seen_and_can_be_broken_off(
    admin: Client, engine: Engine, hire: Hire, begin: Begin
) -> None:
    begun, token = await begin(), await hire(MANAGE)
    path, began = f"/api/v1/sessions/{begun.session.id}", asyncio.Event()

    async def execute() -> None:
        async with engine.rules.activity.run(begun.session, chain="x", exclusive=False, what="pipeline slow"):
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(execute())
    await began.wait()
    (running,) = (await admin.get("/api/v1/in-use", token)).json()["executions"]
    assert (running["session"], running["realm"], running["what"]) == (begun.session.id, "acme", "pipeline slow")
    assert running["worker"] > 0
    assert (await admin.get(path, token)).json()["worker"] == running["worker"]
    assert (await admin.get("/api/v1/in-use", await hire(f"{VIEW}@web"))).json() == {"executions": []}
    assert (await admin.get("/api/v1/statistics", token)).json()["inUse"] == 1
    assert (await admin.request("POST", f"{path}/abort", token)).json() == {"executions": 1}
    with pytest.raises(Exception, match="aborted"):
        await task
    assert (await admin.get("/api/v1/in-use", token)).json() == {"executions": []}
    assert (await admin.request("POST", f"{path}/abort", token)).json() == {"executions": 0}


async def test_counts_are_of_the_realms_that_the_operator_may_see(
    admin: Client, engine: Engine, hire: Hire, begin: Begin
) -> None:
    await begin()
    await begin(realm="desk")
    await guest(engine)
    whole = (await admin.get("/api/v1/statistics", await hire(VIEW))).json()
    assert (whole["total"], whole["stateful"], whole["stateless"], whole["standalone"]) == (3, 1, 2, 0)
    acme = next(count for count in whole["realms"] if count["realm"] == "acme")
    assert acme == {"realm": "acme", "stateful": False, "anonymous": 1, "account": 1, "external": 0}
    assert whole["maxStateful"] == engine.rules.settings.sessions.max_stateful
    part = (await admin.get("/api/v1/statistics", await hire(f"{VIEW}@desk"))).json()
    assert ([count["realm"] for count in part["realms"]], part["total"]) == (["desk"], 1)


async def test_clean_up_sweeps_what_is_past_its_limits(
    admin: Client, hire: Hire, begin: Begin, clock: ManualClock
) -> None:
    begun = await begin()
    clock.advance(15 * MINUTE)
    token = await hire(MANAGE)
    assert (await admin.request("POST", "/api/v1/clean-up", token)).json() == {"finished": True}
    (ended,) = await listed(admin, token, "state=ended")
    assert (ended["id"], ended["end"]["reason"]) == (begun.session.id, "idle")
    assert (await admin.get("/api/v1/upkeep", token)).json()["swept"] >= 1


async def test_sessions_of_a_stateful_realm_are_not_stateless(admin: Client, hire: Hire, begin: Begin) -> None:
    await begin(realm="desk")
    await begin()
    token = await hire(MANAGE)
    assert (await admin.post("/api/v1/realms/acme/drop-stateless", token)).json() == {"sessionsEnded": 1}
    refused = await admin.post("/api/v1/realms/desk/drop-stateless", token)
    assert (refused.status, refused.json()["code"]) == (400, "realm.stateful")


async def test_an_act_that_cannot_be_audited_is_not_done(
    admin: Client, engine: Engine, hire: Hire, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sojourn.core.errors import StoreUnavailable

    begun, token = await begin(), await hire(MANAGE)

    async def full(*_: object, **__: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(engine.rules.audit, "record", full)
        answer = await admin.post(f"/api/v1/sessions/{begun.session.id}/end", token)
        assert answer.status == 503
    assert (await admin.get(f"/api/v1/sessions/{begun.session.id}/why", token)).json()["alive"] is True
