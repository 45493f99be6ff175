"""Statements of the engine reference about sessions, tokens and keys (§21), in real scripts on both runtimes.

Each script runs through the service of scripts, as a route, a component or a runner has it run. What is said of databases and
log rows comes with the data layer.
"""

from __future__ import annotations

from typing import Any

import pytest

from sojourn.core.clock import DAY, MINUTE
from sojourn.core.errors import SessionEnded, TokenRefused, Unauthorized
from sojourn.data.products import Products
from sojourn.engine.live import Session
from sojourn.engine.security.actors import HOST
from sojourn.scripting.errors import ScriptFailed
from tests.scripting.session.conftest import PASSWORD, Theatre, request

pytestmark = pytest.mark.anyio

NEW = "seven quiet otters at dawn"
LOGIN = f"session.login('anna', '{PASSWORD}');"
#: What is thrown, as name and reason or code.
CAUGHT = "const caught = (f) => { try { f(); return 'nothing'; } catch (e) { return e.reason || e.code; } };"


async def test_21_01_of_a_new_session(stage: Theatre) -> None:
    told = await stage.play(await stage.session(), "[session.userKey, session.startupScriptsExecuted, session.scope]")
    assert told == [-1, False, ""]


async def test_21_02_03_06_07_a_login_a_refused_one_and_a_logout(stage: Theatre) -> None:
    anna = await stage.engine.rules.users.find("main", "anna")
    assert anna is not None
    told = await stage.play(
        await stage.session(),
        f"""
        const first = session.login('anna', '{PASSWORD}');
        const user = [session.userKey, session.userName, session.scope];
        const second = session.login('ben', 'not his password');
        const kept = session.userKey;
        session.logout();
        [first, user, second, kept, session.userKey, session.scope]
        """,
    )
    assert told == [True, [anna.key, "anna", "cart.read cart.write"], False, anna.key, -1, ""]


async def test_21_04_a_mail_address_is_as_good_as_a_name(stage: Theatre) -> None:
    told = await stage.play(
        await stage.session(), f"[session.login('anna@example.org', '{PASSWORD}'), session.login('x@example.org', 'x')]"
    )
    assert told == [True, False]


async def test_21_05_a_locked_account_throws(stage: Theatre) -> None:
    anna = await stage.engine.rules.users.find("main", "anna")
    assert anna is not None
    await stage.engine.rules.users.set_state(anna.key, "locked", HOST)
    told = await stage.play(
        await stage.session(),
        f"""{CAUGHT}
        [caught(() => session.login('anna', '{PASSWORD}')), caught(() => security.authenticateUser('anna', '{PASSWORD}')),
         session.login('anna', 'wrong'), session.userKey]
        """,
    )
    assert told == ["user.unusable", "user.unusable", False, -1]


async def test_21_08_scopes_of_a_token(stage: Theatre) -> None:
    told = await stage.play(
        await stage.session(),
        "[new AuthToken(['a', 'b']).scope, new AuthToken(123).scope, new AuthToken('ufs:/a%20b.js').scope]",
    )
    assert told == ["a b", "vfs:ikey?123", "ufs:/a%20b.js"]


async def test_21_07_09_10_12_13_the_life_of_a_token(stage: Theatre) -> None:
    text, key = await stage.play(
        await stage.session(),
        f"""
        {LOGIN}
        const token = new AuthToken('cart.read');
        const text = session.authorizeToken(token);
        token.expires = new Date(Date.now() + 60 * Duration.DAY_MS);
        token.description = 'two months';
        session.updateAuthToken(token);
        [text, token.key]
        """,
    )
    kept = await stage.engine.rules.auth_tokens.restore(text)
    assert kept.description == "two months"
    assert kept.expires is not None
    assert abs(kept.expires - stage.clock.now() - 60 * DAY) < MINUTE
    use = f"session.loginByAuthToken('{text}'); [session.userName, session.scope]"
    other = await stage.session()
    assert await stage.play(other, use) == ["anna", "cart.read"]
    changed = f"""{CAUGHT} {LOGIN}
        const token = security.restoreAuthToken('{text}');
        token.scope = 'cart.read cart.write';
        const fixed = caught(() => session.updateAuthToken(token));
        session.revokeAuthTokenByKey({key});
        [fixed, caught(() => session.loginByAuthToken('{text}')), session.userName]
    """
    assert await stage.play(await stage.session(), changed) == ["authtoken.fixed", "revoked", "anna"]
    with pytest.raises(ScriptFailed) as ended:
        await stage.play(other, "session.fields.all()")
    thrown: Any = ended.value.thrown
    assert (ended.value.name, thrown["reason"]) == ("SessionEnded", "token-revoked")


async def test_21_09_14_thirty_days_or_for_ever(stage: Theatre) -> None:
    await stage.engine.rules.grants.grant("anna", "security.permanentToken")
    usual, permanent = await stage.play(
        await stage.session(),
        f"""
        {LOGIN}
        const permanent = new AuthToken('cart.read');
        permanent.expires = null;
        [session.authorizeToken(new AuthToken('cart.read')), session.authorizeToken(permanent)]
        """,
    )
    code = CAUGHT + "caught(() => session.loginByAuthToken('TOKEN'))"
    stage.clock.advance(30 * DAY - MINUTE)
    assert await stage.play(await stage.session(), code.replace("TOKEN", usual)) == "nothing"
    stage.clock.advance(2 * MINUTE)
    assert await stage.play(await stage.session(), code.replace("TOKEN", usual)) == "expired"
    stage.clock.advance(3 * 365 * DAY)
    assert await stage.play(await stage.session(), code.replace("TOKEN", permanent)) == "nothing"


async def test_21_11_a_token_of_one_script_is_of_no_use_to_another(stage: Theatre) -> None:
    text = await stage.play(
        await stage.session(), f"{LOGIN} session.authorizeToken(new AuthToken(['ufs:/a.js', 'cart.read']))"
    )
    code = f"{CAUGHT} [caught(() => session.loginByAuthToken('{text}')), session.userName]"
    assert await stage.play(await stage.session(), code, uri="ufs:/a.js") == ["nothing", "anna"]
    for order in ({"uri": "ufs:/b.js"}, {"uri": "ufs:/a.js", "scripts": ("ufs:/a.js", "ufs:/b.js")}):
        other = await stage.session()
        await stage.play(other, f"session.login('ben', '{PASSWORD}')", uri="ufs:/b.js")
        assert await stage.play(other, code, **order) == ["script-not-allowed", "ben"]


async def test_21_15_16_a_session_token_lives_as_its_session(stage: Theatre) -> None:
    told = await stage.play(
        await stage.session("shop"), f"{CAUGHT} {LOGIN} caught(() => session.newSessionToken('cart.read'))"
    )
    assert told == "session.not_stateful"
    session, rules = await stage.session(), stage.engine.rules
    text = await stage.play(session, f"{LOGIN} session.newSessionToken(['cart.read', 'cart.write'])")
    opened = await rules.bearers.open(stage.engine.realm("acme"), text)
    assert opened.scope == {"cart.read", "cart.write"}
    run = rules.sessions.transients.session_tokens.run
    rules.sessions.transients.session_tokens.run = "another run of the engine"
    with pytest.raises(TokenRefused):
        await rules.bearers.open(stage.engine.realm("acme"), text)
    rules.sessions.transients.session_tokens.run = run
    await session.end("logout")
    with pytest.raises(Unauthorized):
        await rules.bearers.open(stage.engine.realm("acme"), text)


async def test_21_21_22_23_keys_and_their_limits_hold_what_is_said_of_them(stage: Theatre) -> None:
    rules = stage.engine.rules
    products = Products(await stage.engine.databases.named(), rules.leases, rules.hasher)
    product = (await products.create("shop", "seven green lamps of ours")).key
    await rules.grants.grant("anna", f"database.product:{product}")
    session = await stage.session()
    told = await stage.play(
        session,
        f"""{CAUGHT} {LOGIN}
        session.createKeyLicense = {product};
        const refused = caught(() => {{ session.createKeyLicense = -8; }});
        const held = session.createKeyLicense;
        session.limitKeyCreation(3);
        session.limitKeyCreation(null);
        const wrong = caught(() => session.limitKeyCreation(-1));
        session.createKeyLicense = 0;
        [refused, held, wrong, session.createKeyLicense]
        """,
    )
    assert told == ["auth.insufficient_scope", product, "script.bad_argument", 0]


async def test_21_25_26_a_request_is_there_or_it_is_not(stage: Theatre) -> None:
    session = await stage.session()
    assert await stage.play(session, "[session.hasRequest(), request.path]", exchange=request()) == [True, "/"]
    told = await stage.play(session, f"{CAUGHT} [session.hasRequest(), typeof request, caught(() => request.path)]")
    assert told == [False, "object", "request.unavailable"]


#: The example of the class page, letter for letter.
SEED = """\
if (session.hasRequest()) {
  const isLocalHost = request.remoteAddress == '127.0.0.1';
}
"""


async def test_the_example_of_the_class_page_runs_unchanged(stage: Theatre) -> None:
    session = await stage.session()
    for exchange in (None, request()):
        await stage.play(session, SEED, exchange=exchange)


async def test_21_27_no_time_at_all_and_five_minutes(stage: Theatre) -> None:
    session = await stage.session()
    assert await stage.play(session, f"{LOGIN} session.setTimeout(0); session.userName") == "anna"
    with pytest.raises(SessionEnded):
        await _reopened(stage, session)
    session = await stage.session()
    await stage.play(session, f"{LOGIN} session.setTimeout(5)")
    for _ in range(2):
        stage.clock.advance(5 * MINUTE - 1)
        await stage.engine.rules.sessions.touch(await _reopened(stage, session))
    stage.clock.advance(5 * MINUTE)
    with pytest.raises(SessionEnded) as ended:
        await _reopened(stage, session)
    assert ended.value.reason == "idle"


async def _reopened(stage: Theatre, session: Session) -> Any:
    assert session.handle is not None
    return await stage.engine.rules.sessions.open(session.realm, session.handle, "cookie")


async def test_21_49_the_old_password_is_no_password_any_more(stage: Theatre) -> None:
    told = await stage.play(
        await stage.session(),
        f"{LOGIN} session.setPassword('{NEW}'); [session.userName, session.login('anna', '{PASSWORD}'), session.login('anna', '{NEW}')]",
    )
    assert told == ["anna", False, True]
    kinds = [event.kind for event in await stage.engine.rules.audit.recent()]
    assert kinds.count("PASSWORD_CHANGE") == 1


async def test_21_51_texts_of_one_session_are_not_seen_by_another(stage: Theatre) -> None:
    one, other = await stage.session(), await stage.session()
    assert await stage.play(one, "engine.env.X = 1; engine.env.X") == "1"
    assert await stage.play(one, "engine.env.X") == "1"
    assert await stage.play(other, "typeof engine.env.X") == "undefined"


async def test_a_worker_acts_only_for_its_own_session(stage: Theatre) -> None:
    """Whatever session a script names, by id or by handle, what it does is done for its own."""
    mine, other = await stage.session(), await stage.session()
    await stage.play(other, LOGIN)
    with pytest.raises(ScriptFailed) as failed:
        await stage.play(mine, f"engine.sessionManager.dropSession('{other.id}')")
    assert failed.value.name in {"InsufficientScope", "Unauthorized"}
    assert await stage.play(mine, "session.id") == mine.id
    assert (await _reopened(stage, other)).session.id == other.id


async def test_21_42_43_a_dropped_session_is_unknown_and_the_counts_add_up(stage: Theatre) -> None:
    ben, other = await stage.session(), await stage.session()
    counts, thread = await stage.play(
        ben,
        f"""
        session.login('ben', '{PASSWORD}');
        const manager = engine.sessionManager;
        const {{ sessionsCount, statefulSessionsCount, statelessSessionsCount, standaloneSessionsCount }} = manager;
        manager.dropSession('{other.id}');
        manager.cleanUp();
        const counts = [sessionsCount, statefulSessionsCount, statelessSessionsCount, standaloneSessionsCount];
        [counts, manager.getSessionThreadId('{other.id}')]
        """,
    )
    assert counts[0] == sum(counts[1:]) >= 2
    assert thread == 0
    with pytest.raises((ScriptFailed, SessionEnded), match=r"SessionEnded|ended"):
        await stage.play(other, "session.fields.all()")


async def test_21_44_idle_stateless_sessions_vanish_and_busy_ones_finish(stage: Theatre) -> None:
    ben, idle = await stage.session("shop"), await stage.session("shop")
    told = await stage.play(
        ben,
        f"session.login('ben', '{PASSWORD}'); engine.sessionManager.dropStatelessSessions('shop'); session.fields.all()",
    )
    assert told == {}
    with pytest.raises((ScriptFailed, SessionEnded), match=r"SessionEnded|ended"):
        await stage.play(idle, "session.fields.all()")
