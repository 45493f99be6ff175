"""The audit log as clients can reach it: nobody forges a line, and nothing is acknowledged that was not written."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from sojourn.bootstrap import Engine
from sojourn.core.clock import ManualClock
from sojourn.core.errors import SojournError
from sojourn.core.json import Json
from sojourn.engine.audit.log import Wanted
from sojourn.engine.database.sqlite.database import SqliteDatabase
from sojourn.http.application import Application
from sojourn.model.session import Device
from sojourn.model.user import external_identity
from tests.http.conftest import GOOD, PASSWORD
from tests.http.wire_client import Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

EVIL = st.one_of(
    st.sampled_from(
        [
            "a\nLOGIN ok root",
            "a\r\nb",
            "\x1b[2Ja",
            "a\u202eb",
            "a\u2066b",
            "\u2028",
            "\x85",
            "a\x00b",
            "\u3164",
            "\\u{a}",
            '"}\n{"kind":"LOGIN"',
            "\udc80",
            "\U000e0041",
        ]
    ),
    st.text(max_size=60),
)
WHOLE = EVIL.map(lambda text: text.encode("utf-8", "replace").decode())
OCTETS = EVIL.map(lambda text: text.encode("utf-8", "replace").decode("latin-1").replace("\n", "").replace("\r", ""))


OURS = ("sec-fetch-site", "same-origin")


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=EVIL, octets=OCTETS, other=OCTETS)
async def test_no_text_of_a_client_begins_a_line_of_the_log(
    engine: Engine, client: Client, name: str, octets: str, other: str
) -> None:
    before = [event.key for event in await engine.rules.audit.recent(1)]
    login = {"userName": name, "password": "x" * 20}
    body = json.dumps(login)
    headers = [("user-agent", octets), ("x-forwarded-for", other), ("content-type", "application/json")]
    peers = [client, Client(engine.application(), peer="192.0.2.9", host="127.0.0.1:8420")]
    for peer in peers:
        await peer.request("POST", "/realms/acme/login", *headers, body=body)
        await peer.request(
            "GET", "/realms/web/session", ("cookie", f"sojourn_sid.web={octets}; sojourn_sid.web={other}")
        )
        await peer.request("GET", "/realms/acme/session", ("authorization", f"Bearer {octets}"))
        await peer.request("GET", f"/realms/{octets}/session", ("authorization", other))
        await peer.request("GET", "/realms/acme/session", ("host", octets))
        await peer.request("POST", "/realms/acme/login", *headers, ("origin", octets), body=body)
    events = (await engine.rules.audit.query(Wanted(oldest_first=True), limit=10_000)).events
    fresh = [event for event in events if event.key > sum(before)]
    assert fresh
    for event in fresh:
        for text in (event.actor, event.session, event.address, event.realm):
            assert text.isprintable(), text
        assert event.detail.isprintable()
        assert "\u3164" not in event.detail


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=WHOLE)
async def test_no_text_of_an_operator_or_a_script_begins_a_line_of_the_log(engine: Engine, text: str) -> None:
    rules, realm = engine.rules, engine.realm("acme")
    begun = await rules.sessions.begin(
        realm, external_identity("portal", text, (), "", 0), Device(address=text, agent=text)
    )
    await rules.sessions.end_by_id(realm, begun.session.id, "dropped", actor=text, rule=text)
    for act in (
        lambda: rules.users.add("main", text, PASSWORD, actor=text),
        lambda: rules.grants.grant("ana", text, realm.id, actor=text),
        lambda: rules.api_keys.add(text, realm, actor=text),
    ):
        try:
            await act()
        except SojournError:
            # Refused names are in no event; what was taken is looked at below.
            continue
    for event in (await rules.audit.query(limit=10_000)).events:
        assert all(part.isprintable() for part in (event.actor, event.session, event.address, event.detail))


@contextmanager
def locked(engine: Engine, folder: Path) -> Iterator[None]:
    """Another program holds the engine database, and nobody waits for it."""
    db = engine.rules.db
    assert isinstance(db, SqliteDatabase)
    db._patience = 0.05  # the only way to be impatient after the start
    with closing(sqlite3.connect(folder / "var/engine.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def fill(engine: Engine) -> None:
    """From now on the disk of the engine database is full."""

    def work(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    await engine.rules.db.write(work)
    # Great rows first, then such as would fit into what is left.
    for detail in (["y" * 400] * 50, []):
        with pytest.raises(SojournError):
            await _write_many(engine, {"x": detail})


async def _write_many(engine: Engine, detail: dict[str, Json]) -> None:
    for _ in range(1_000):
        await engine.rules.audit.record("ADMIN", realm="", outcome="ok", detail=detail)


@pytest.mark.parametrize("trouble", ["locked", "full"])
async def test_what_cannot_be_audited_is_not_acknowledged(
    engine: Engine, client: Client, folder: Path, trouble: str
) -> None:
    rules, shown = engine.rules, cookie_of(await client.post("/realms/web/login", value=GOOD))

    async def refused() -> None:
        for path, headers, value in (
            ("/realms/web/login", (), GOOD),
            ("/realms/web/login", (), {**GOOD, "password": "wrong" * 4}),
            ("/realms/web/logout", (shown, OURS), None),
        ):
            answer = await client.post(path, *headers, value=value)
            assert (path, answer.status) == (path, 503)
            assert answer.cookies == []
            assert "retry-after" in {name.decode() for name, _ in answer.headers}
        with pytest.raises(SojournError):
            await rules.grants.grant("ana", "cart.read", actor="host")

    if trouble == "locked":
        with locked(engine, folder):
            await refused()
    else:
        await fill(engine)
        await refused()
        await rules.db.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1000000").close())
    assert rules.audit.failures
    # The session lives, nothing was granted, and when the trouble is over the same acts are done.
    assert (await client.get("/realms/web/session", shown)).status == 200
    account = await rules.users.find("main", "ana")
    assert account is not None
    assert "cart.read" not in (await rules.actors.scopes(account.key)).get("*", frozenset())
    assert (await client.post("/realms/web/logout", shown, OURS)).status == 200
    assert (await client.get("/realms/web/session", shown)).status == 401


@pytest.mark.parametrize("realm", ["till", "acme"])
async def test_21_37_each_login_and_each_failure_is_in_the_log(engine: Engine, client: Client, realm: str) -> None:
    """§21 (37): a stateful realm's logins and failures are events. Those of a stateless one are too (security.md §8)."""
    await client.post(f"/realms/{realm}/login", value=GOOD)
    await client.post(f"/realms/{realm}/login", value={**GOOD, "password": "another wrong one"})
    wanted = Wanted(kinds=frozenset({"LOGIN", "LOGIN_FAIL"}))
    failed, done = (await engine.rules.audit.query(wanted)).events
    assert (done.kind, done.outcome, done.actor, done.realm) == ("LOGIN", "ok", "ana", engine.realm(realm).id)
    assert done.session
    assert done.address == "127.0.0.1"
    assert (failed.kind, failed.outcome, failed.session) == ("LOGIN_FAIL", "failed", "")
    assert json.loads(failed.detail)["userName"] == "ana"


async def test_refusals_are_ten_a_second_per_cause_and_block_over_http_too(
    engine: Engine, app: Application, clock: ManualClock
) -> None:
    def shown(text: str) -> Pair:
        return ("authorization", f"Bearer {text}")

    near, far = Client(app, peer="192.0.2.7"), Client(app, peer="198.51.100.7")
    for number in range(25):
        await Client(app, peer=f"192.0.2.{number}").get("/realms/acme/session", shown("nonsense"))
    await far.get("/realms/acme/session", shown("nonsense"))
    clock.advance(1_000)
    await near.get("/realms/acme/session", shown("nonsense"))
    written = [event for event in await engine.rules.audit.recent(100) if event.kind == "REFUSAL"]
    assert len(written) == 12
    assert sum(engine.rules.audit.refusals().values()) == 27
    assert engine.rules.audit.unwritten() == 15
