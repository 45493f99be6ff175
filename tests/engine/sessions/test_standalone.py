"""Standalone sessions: they live by the session that made them, have at most its rights, and are seen and ended like others."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import HOUR, MINUTE, ManualClock
from sojourn.core.errors import (
    AuthTokenRefused,
    BadRequest,
    SessionEnded,
    SessionUnknown,
    StaleSession,
    TransientSession,
)
from sojourn.engine.access import Access
from sojourn.engine.activity import SessionBusy, Turn, TurnTimeout
from sojourn.engine.audit.query import Wanted as Events
from sojourn.engine.listing import Wanted
from sojourn.engine.live import Session
from sojourn.engine.security.actors import HOST
from sojourn.engine.standalone import NotAdmittedThere, StandaloneSessions
from sojourn.engine.standings import MOST_LASTING, TooManyStandalone
from sojourn.model.token import AuthToken
from tests.http.conftest import PASSWORD, clock, engine, made_project

pytestmark = pytest.mark.anyio

__all__ = ["clock", "engine", "made_project"]


@pytest.fixture
def folder(made_project: Path, tmp_path: Path) -> Path:
    """A project with a realm into which not everybody gets."""
    shutil.copytree(made_project.parent, tmp_path, dirs_exist_ok=True)
    project = tmp_path / made_project.name
    (project / "realms" / "closed").mkdir()
    (project / "realms" / "closed" / "realm.json").write_text('{"loginScope": "closed.user"}')
    return project


@pytest.fixture
def standalone(engine: Engine) -> StandaloneSessions:
    return engine.rules.sessions.standalone


@pytest.fixture
async def ana(engine: Engine) -> Session:
    """A session of ana, who has stock.read everywhere and stock.write in acme."""
    await engine.rules.grants.grant("ana", "stock.read", actor="test")
    await engine.rules.grants.grant("ana", "stock.write", engine.realm("acme").id, actor="test")
    return await _login(engine, "acme")


async def _login(engine: Engine, realm: str, user: str = "ana") -> Session:
    session = await engine.login(realm, user, PASSWORD)
    assert session is not None
    return session


async def _made(engine: Engine, maker: Session, realm: str = "", *, lasting: bool = False) -> Session:
    place = engine.realm(realm) if realm else maker.realm
    opened = await engine.rules.sessions.standalone.begin(
        place, maker=maker.access, what="script ufs:/a.js", lasting=lasting
    )
    return Session(engine.rules, opened)


async def _lent(engine: Engine, session: Session, lender: Session) -> Session:
    return Session(engine.rules, await engine.rules.sessions.standalone.lend(session.access, lender.access))


async def test_it_begins_as_nobody_and_logs_in_under_its_own_id(engine: Engine, ana: Session) -> None:
    session = await _made(engine, ana)
    first = session.id
    assert (session.user_key, session.user_name, session.scope) == (-1, "anonymous", frozenset())
    assert first not in {"", ana.id}
    assert await session.login("ben", PASSWORD)
    assert (session.id, session.user_name, session.handle) == (first, "ben", None)
    assert not await session.login("ana", "wrong")
    assert session.user_name == "ben"
    await session.check()
    await session.logout()
    assert (session.id, session.user_key, session.scope) == (first, -1, frozenset())
    await session.check()


async def test_each_change_of_who_acts_is_a_new_epoch(engine: Engine, ana: Session) -> None:
    session = await _made(engine, ana)
    before = Session(engine.rules, session.access)
    await session.login("ben", PASSWORD)
    with pytest.raises(StaleSession):
        await before.check()
    await session.check()


async def test_it_has_the_user_and_at_most_the_scope_of_its_maker(engine: Engine, ana: Session) -> None:
    here = await _lent(engine, await _made(engine, ana), ana)
    assert (here.user_name, here.scope, here.delegated) == ("ana", ana.scope, False)
    await engine.rules.grants.grant("ana", "web.only", engine.realm("web").id, actor="test")
    there = await _lent(engine, await _made(engine, ana, "web"), ana)
    assert (there.user_name, there.scope, there.delegated) == ("ana", frozenset({"stock.read"}), True)


async def test_a_narrow_handle_makes_a_narrow_session(engine: Engine, ana: Session) -> None:
    text = await ana.token(scope=["stock.read"])
    narrow = await engine.session("acme", text)
    lent = await _lent(engine, await _made(engine, narrow), narrow)
    assert (lent.scope, lent.delegated) == (frozenset({"stock.read"}), True)


async def test_a_realm_into_which_the_user_does_not_get_leaves_it_nobody(engine: Engine, ana: Session) -> None:
    session = await _made(engine, ana, "closed")
    with pytest.raises(NotAdmittedThere):
        await _lent(engine, session, ana)
    await session.check()
    assert session.user_key == -1


async def test_it_ends_with_the_session_that_made_it(engine: Engine, ana: Session) -> None:
    session = await _made(engine, ana)
    inner = await _made(engine, session)
    await ana.end()
    for gone in (session, inner):
        with pytest.raises(SessionEnded):
            await gone.check()
    assert not engine.rules.sessions.standalone.all()


async def test_it_is_of_no_use_once_its_maker_is_somebody_else(engine: Engine, ana: Session) -> None:
    session = await _made(engine, ana)
    await ana.logout()
    with pytest.raises(StaleSession):
        await session.check()


async def test_a_change_of_password_ends_it(engine: Engine, ana: Session) -> None:
    session = await _made(engine, ana)
    await session.login("ben", PASSWORD)
    ben = session.access.account
    assert ben is not None
    await engine.rules.passwords.set(HOST, ben.key, "nine loud herons by noon")
    with pytest.raises(SessionEnded) as ended:
        await session.check()
    assert ended.value.reason == "password-changed"


async def test_an_end_of_a_realm_or_an_account_reaches_it_at_once(engine: Engine, ana: Session) -> None:
    standalone = engine.rules.sessions.standalone
    of_ben, of_web = await _made(engine, ana), await _made(engine, ana, "web")
    await of_ben.login("ben", PASSWORD)
    assert len(standalone.all()) == 2
    await engine.rules.sessions.end_realm(engine.realm("web"), "ended-everywhere", actor="olga")
    assert standalone.find(of_web.id) is None
    ben = of_ben.access.account
    assert ben is not None
    await engine.rules.sessions.end_all(None, ben.key, "dropped", actor="olga")
    assert standalone.find(of_ben.id) is None


async def test_a_token_logs_it_in_and_ends_it(engine: Engine, ana: Session) -> None:
    token = AuthToken(scope="stock.read")
    text = await ana.authorize_token(token)
    session = await _made(engine, ana)
    await session.login_by_auth_token(text)
    assert (session.user_name, session.scope, session.delegated) == ("ana", frozenset({"stock.read"}), True)
    await ana.revoke_auth_token_by_key(token.key)
    with pytest.raises(SessionEnded):
        await session.check()
    other = await _made(engine, ana)
    with pytest.raises(AuthTokenRefused):
        await other.login_by_auth_token(text)
    await other.check()


async def test_it_keeps_no_fields_and_makes_no_password(engine: Engine, ana: Session) -> None:
    session = await _lent(engine, await _made(engine, ana), ana)
    with pytest.raises(TransientSession):
        await session.fields.put(a=1)
    with pytest.raises(TransientSession):
        await session.set_password("nine loud herons by noon")


async def test_only_its_maker_comes_back_to_it_and_only_where_it_lasts(engine: Engine, ana: Session) -> None:
    standalone = engine.rules.sessions.standalone
    lasting, short = await _made(engine, ana, lasting=True), await _made(engine, ana)
    other = await _login(engine, "acme")
    assert (await standalone.reopen(ana.access, lasting.id)).session.id == lasting.id
    for who, sid in ((other, lasting.id), (ana, short.id), (ana, ana.id), (ana, "no such id")):
        with pytest.raises(SessionUnknown):
            await standalone.reopen(who.access, sid)
    await ana.login("ana", PASSWORD)
    with pytest.raises(SessionUnknown):
        await standalone.reopen(ana.access, lasting.id)


async def test_who_comes_back_finds_the_rights_of_now(engine: Engine, ana: Session) -> None:
    standalone = engine.rules.sessions.standalone
    lent = await _lent(engine, await _made(engine, ana, lasting=True), ana)
    await engine.rules.grants.revoke("ana", "stock.write", engine.realm("acme").id, actor="test")
    now = await engine.session("acme", str(ana.handle))
    again = await standalone.reopen(now.access, lent.id)
    assert (again.session.identity.user_name, again.scope) == ("ana", frozenset({"stock.read"}))


async def test_it_dies_of_its_limits(engine: Engine, ana: Session, clock: ManualClock) -> None:
    standalone = engine.rules.sessions.standalone
    session = await _made(engine, ana)
    await session.set_timeout(5)
    clock.advance(5 * MINUTE - 1)
    await session.check()
    clock.advance(1)
    with pytest.raises(SessionEnded) as ended:
        await session.check()
    assert ended.value.reason == "idle"
    other = await _made(engine, ana)
    await other.set_timeout(0)
    assert standalone.find(other.id) is None
    with pytest.raises(BadRequest):
        await (await _made(engine, ana)).set_timeout(0, 48)
    assert (await _made(engine, ana)).ends_at == clock.now() + 24 * HOUR


async def test_of_too_many_the_one_that_was_idle_the_longest_makes_room(
    engine: Engine, ana: Session, clock: ManualClock
) -> None:
    standalone = engine.rules.sessions.standalone
    made = []
    for _ in range(MOST_LASTING + 1):
        made.append(await _made(engine, ana, lasting=True))
        clock.advance(10)
    assert [standalone.find(one.id) is not None for one in made] == [False] + MOST_LASTING * [True]


async def test_what_executes_makes_no_room(engine: Engine, ana: Session) -> None:
    made = [await _made(engine, ana, lasting=True) for _ in range(MOST_LASTING)]
    turns = [_turn(engine, one.access, "x") for one in made]
    for turn in turns:
        await turn.__aenter__()
    with pytest.raises(TooManyStandalone):
        await _made(engine, ana, lasting=True)
    for turn in reversed(turns):
        await turn.__aexit__(None, None, None)
    await _made(engine, ana, lasting=True)


async def test_it_is_listed_found_and_dropped_but_counts_as_standalone_only(engine: Engine, ana: Session) -> None:
    manager = engine.session_manager
    session = await _lent(engine, await _made(engine, ana), ana)
    other = await _login(engine, "acme", "ben")
    counts = await manager.counts()
    assert (counts.stateless, counts.stateful, counts.standalone, counts.total) == (2, 0, 1, 3)
    rows = [row.session.id async for row in manager.every(engine.rules.realms.all())]
    assert sorted(rows) == sorted([ana.id, session.id, other.id])
    one_by_one, place = [], None
    while True:
        page = await manager.page([engine.realm("acme")], Wanted(), place, 1)
        one_by_one += [row.session.id for row in page.rows]
        place = page.next
        if place is None:
            break
    assert sorted(one_by_one) == sorted(rows)
    kinds = {row.id: row.environment_type async for row in manager.get_statistics()}
    assert kinds[session.id] == "standalone"
    end = await manager.drop_session(session.id, actor="olga", text="enough")
    assert end is not None
    assert (end.reason, end.actor) == ("dropped", "olga")
    with pytest.raises(SessionEnded):
        await session.check()
    assert await manager.standalone_sessions_count() == 0


async def test_its_logins_and_its_end_by_an_operator_are_audited(engine: Engine, ana: Session) -> None:
    session = await _lent(engine, await _made(engine, ana), ana)
    await engine.session_manager.drop_session(session.id, actor="olga")
    events = (await engine.rules.audit.query(Events(session=session.id))).events
    assert [(event.kind, event.actor) for event in events] == [("SESSION_END", "olga"), ("REMOTE_LOGIN", "ana")]


async def test_sessions_of_an_account_are_not_fewer_for_it(engine: Engine) -> None:
    two = await _login(engine, "two")
    for _ in range(3):
        await _lent(engine, await _made(engine, two), two)
    await _login(engine, "two")


async def test_without_patience_a_busy_session_is_an_error_at_once(engine: Engine, ana: Session) -> None:
    async with _turn(engine, ana.access, "x"):
        with pytest.raises(SessionBusy):
            async with _turn(engine, ana.access, "y", 0):
                pass
        with pytest.raises(TurnTimeout):
            async with _turn(engine, ana.access, "y", 0.01):
                pass
        waiting = asyncio.create_task(_take(engine, ana.access))
        await asyncio.sleep(0)
    assert await waiting == "its turn"


async def _take(engine: Engine, access: Access) -> str:
    async with _turn(engine, access, "z", 30):
        return "its turn"


def _turn(engine: Engine, access: Access, chain: str, patience: float | None = None) -> Turn:
    return engine.rules.activity.run(access.session, chain=chain, exclusive=True, what="test", patience=patience)
