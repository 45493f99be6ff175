"""``ScriptRunner`` and ``executeScript``: scripts that scripts run, each in a session and an environment of its own."""

from __future__ import annotations

import asyncio
import time

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.errors import AuthTokenRefused
from sojourn.engine.activity import ExecutionAborted
from sojourn.engine.live import Session
from sojourn.model.token import AuthToken
from sojourn.scripting.errors import ScriptFailed, ScriptTimeout
from sojourn.scripting.order import Order
from sojourn.scripting.runtime import RuntimeName, Script
from sojourn.scripting.values import UNDEFINED, BigInt
from tests.patience import HANGS
from tests.scripting.runner.conftest import PASSWORD, Caller

pytestmark = pytest.mark.anyio

LASTING = "const r = runner('area.js', {realm: 'desk'});"


async def fails(caller: Caller, code: str, name: str, *, key: str = "") -> str:
    """The message of the error with which the code ends."""
    with pytest.raises(ScriptFailed) as caught:
        await caller(code, key=key)
    assert caught.value.name == name, str(caught.value)
    return caught.value.text


# --- what it runs ---


async def test_it_runs_a_script_with_what_was_published(anna: Caller) -> None:
    assert (
        await anna(
            "const r = runner('sum.js'); r.publishGlobalProperty('a', 2); r.publishGlobalProperty('b', 3); r.run()"
        )
        == 5
    )
    assert await anna("executeScript('ufs:/sum.js', 'a', 'x', 'b', 'y')") == "xy"
    assert await anna("runner('promise.js').run()") == 7


async def test_functions_are_called_after_one_run_of_the_script(anna: Caller) -> None:
    assert await anna(
        "const r = runner('area.js');"
        "[r.callFunction('area', 3, 4), r.applyFunction('area', [2, 5]), r.readGlobalProperty('runs'), r.evaluate('runs')]"
    ) == [12, 10, 1, 1]
    assert (
        await anna("const r = runner('area.js'); r.run(); r.run(); r.callFunction('area', 1, 1); r.evaluate('runs')")
        == 2
    )
    await fails(anna, "runner('area.js').callFunction('none')", "ScriptFailed")


async def test_strict_scripts_have_global_functions_and_run_again(anna: Caller) -> None:
    assert await anna(
        "const r = runner('strict.js'); [r.callFunction('twice', 4), r.run(), r.run(), r.evaluate('by')]"
    ) == [
        8,
        2,
        2,
        2,
    ]
    sid = await anna("const r = runner('strict.js', {realm: 'desk'}); r.run(); r.sessionId")
    assert await anna(f"runner('strict.js', {{sessionId: '{sid!s}'}}).callFunction('twice', 5)") == 10


async def test_globals_go_in_and_out_and_clear_removes_them(anna: Caller) -> None:
    assert await anna(
        "const r = runner('area.js'); r.publishGlobalProperty('x', 1); const before = r.readGlobalProperty('x');"
        "r.clear(); [before, r.readGlobalProperty('x'), r.readGlobalProperty('none'), r.evaluate('typeof area')]"
    ) == [1, UNDEFINED, UNDEFINED, "undefined"]


async def test_the_caller_and_other_runners_see_nothing_of_its_globals(anna: Caller) -> None:
    assert await anna(
        "const one = runner('count.js'); const two = runner('count.js'); one.run(); one.run();"
        "[one.run(), two.run(), typeof n]"
    ) == [3, 1, "undefined"]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("undefined", UNDEFINED),
        ("null", None),
        ("true", True),
        ("1.5", 1.5),
        ("'a\\u0000b'", "a\0b"),
        ("12345678901234567890n", BigInt(12345678901234567890)),
    ],
)
async def test_primitive_values_cross(anna: Caller, code: str, value: object) -> None:
    found = await anna(f"const r = runner('sum.js'); r.publishGlobalProperty('v', {code}); r.evaluate('v')")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("value", ["{a: 1}", "[1]", "new Date(0)", "new Uint8Array(2)", "new Error('x')"])
async def test_21_41_what_is_no_primitive_value_stays_where_it_is(anna: Caller, value: str) -> None:
    for code in (
        f"runner('sum.js').evaluate('({value})')".replace("'x'", '"x"'),
        f"runner('sum.js').publishGlobalProperty('v', {value})",
        f"runner('area.js').callFunction('area', {value}, 1)",
    ):
        assert "primitive" in await fails(anna, code, "NotPrimitive")


async def test_21_41_a_function_or_the_object_of_a_script_stays_too(anna: Caller) -> None:
    await fails(anna, "runner('object.js').run()", "NotPrimitive")
    await fails(anna, "runner('sum.js').evaluate('(function () {})')", "ScriptFailed")
    # What a script gives is nobody's business when only its functions are called.
    assert await anna("runner('object.js').callFunction('Number', '5')") == 5


async def test_an_error_comes_back_with_its_name_and_place(anna: Caller) -> None:
    text = await fails(anna, "runner('broken.js').run()", "ScriptFailed")
    assert text.startswith("RangeError: too far")
    assert "ufs:/broken.js:2" in text
    assert (
        await anna("let said = ''; try { runner('broken.js').run(); } catch (e) { said = e.code; } said")
        == "script.failed"
    )


async def test_an_unknown_script_is_an_error_at_construction(anna: Caller) -> None:
    for reference in ("'ufs:/none.js'", "12345", "'ufs:/../secret.js'"):
        with pytest.raises(ScriptFailed):
            await anna(f"new ScriptRunner({reference})")


@pytest.mark.parametrize(
    "options",
    ["{runtime: 'jvm'}", "{realms: 'desk'}", "{waitTimeout: 5}", "{sessionId: 'x', waitTimeout: -1}", "'desk'", "[1]"],
)
async def test_odd_options_are_refused(anna: Caller, options: str) -> None:
    await fails(anna, f"new ScriptRunner('ufs:/sum.js', {options})", "BadArgument")


async def test_it_is_found_by_both_module_names(anna: Caller) -> None:
    assert await anna(
        "['script', 'session'].every(f => require('@nginstack/engine/lib/' + f + '/ScriptRunner') === ScriptRunner)"
    )


async def test_the_runtime_is_that_of_the_option(anna: Caller, runtime_name: RuntimeName) -> None:
    assert await anna("runner('sum.js').evaluate('session.runtime')") == runtime_name
    assert await anna("new ScriptRunner('ufs:/sum.js').evaluate('session.runtime')") == "ije"
    assert await anna("new ScriptRunner('ufs:/sum.js', {realm: 'loose'}).evaluate('session.runtime')") == runtime_name


# --- as whom ---


async def test_21_40_it_is_nobody_until_it_logs_in_and_then_the_user_of_the_caller(anna: Caller) -> None:
    assert await anna("runner('who.js').run()") == "anonymous -1  false shop"
    key = anna.session.user_key
    assert (
        await anna("const r = runner('who.js'); r.loginBySession(session); r.run()")
        == f"anna {key} stock.read stock.write false shop"
    )
    assert await anna("executeScript('ufs:/who.js')") == f"anna {key} stock.read stock.write false shop"
    assert await anna("session.userName") == "anna"


async def test_it_logs_in_with_a_password_and_stays_who_it_was_with_a_wrong_one(nobody: Caller) -> None:
    assert await nobody(
        f"const r = runner('who.js'); [r.login('ben', 'wrong'), r.evaluate('session.userName'), r.login('ben', '{PASSWORD}'),"
        "r.evaluate('session.userName'), session.userName]"
    ) == [False, "anonymous", True, "ben", "anonymous"]


async def test_its_own_logout_leaves_the_caller_alone(anna: Caller) -> None:
    assert await anna("[executeScript('ufs:/logout.js'), session.userName]") == ["anonymous", "anna"]


async def test_only_the_global_session_lends_its_user(anna: Caller) -> None:
    for other in ("'anna'", "{id: session.id}", "null", "1"):
        await fails(anna, f"runner('who.js').loginBySession({other})", "BadArgument")


async def test_it_has_no_more_than_a_narrow_handle(anna: Caller, engine: Engine, runtime_name: RuntimeName) -> None:
    narrow = await engine.session("shop", await anna.session.token(scope=["stock.read"]))
    caller = Caller(engine, narrow, runtime_name)
    assert (
        await caller("const r = runner('who.js'); r.loginBySession(session); r.evaluate('session.scope')")
        == "stock.read"
    )


async def test_a_login_or_logout_of_the_caller_leaves_no_runner_behind(anna: Caller) -> None:
    await fails(anna, "const r = runner('who.js'); session.logout(); r.run()", "StaleSession")
    await fails(anna, f"const r = runner('who.js'); session.login('ben', '{PASSWORD}'); r.run()", "StaleSession")


async def test_a_token_for_certain_scripts_needs_all_that_have_led_to_it(anna: Caller, engine: Engine) -> None:
    text = await anna.session.authorize_token(AuthToken(scope="stock.read ufs:/token.js"))
    run = f"const r = runner('token.js'); r.publishGlobalProperty('token', '{text}'); r.run()"
    # test.js, which calls it, is not in the token's scope.
    await fails(anna, run, "ScriptFailed")
    await fails(anna, f"runner('token.js').loginByAuthToken('{text}')", "AuthTokenRefused")
    await fails(
        anna, f"const r = runner('token.js'); r.evaluate(\"session.loginByAuthToken('{text}')\")", "ScriptFailed"
    )
    free = await anna.session.authorize_token(AuthToken(scope="stock.read"))
    assert (
        await anna(f"const r = runner('who.js'); r.loginByAuthToken('{free}'); r.evaluate('session.scope')")
        == "stock.read"
    )
    with pytest.raises(AuthTokenRefused):
        await anna.session.login_by_auth_token(text, scripts=("ufs:/token.js", "ufs:/test.js"))


async def test_a_script_knows_itself_and_its_chain(anna: Caller) -> None:
    assert await anna("executeScript('ufs:/outer.js')") == "ufs:/inner.js anna"
    assert await anna("session.scriptURI") == "ufs:/test.js"


async def test_its_tracking_id_is_its_own(anna: Caller) -> None:
    assert await anna(
        "session.trackingId = 'T'; const r = runner('who.js'); const before = r.trackingId; r.trackingId = 'U';"
        "[before, r.evaluate('session.trackingId'), r.trackingId, session.trackingId]"
    ) == ["", "U", "U", "T"]
    await fails(anna, "runner('who.js').trackingId = 'x'.repeat(101)", "BadArgument")


# --- in which realm ---


async def test_another_realm_has_to_name_the_callers(anna: Caller) -> None:
    assert await anna("new ScriptRunner('ufs:/who.js', {realm: 'loose'}).evaluate('session.realm')") == "loose"
    assert await anna("new ScriptRunner('ufs:/who.js', {realm: 'shop'}).evaluate('session.realm')") == "shop"
    for realm in ("closed", "nowhere"):
        await fails(anna, f"new ScriptRunner('ufs:/who.js', {{realm: '{realm}'}})", "RealmClosed")


async def test_a_user_who_does_not_get_in_there_is_not_lent(anna: Caller) -> None:
    code = "const r = new ScriptRunner('ufs:/who.js', {realm: 'staff'}); r.loginBySession(session)"
    await fails(anna, code, "NotAdmittedThere")


async def test_a_pool_that_is_not_cleaned_keeps_globals_and_its_own_runner_does_not(anna: Caller) -> None:
    pooled = "const r = new ScriptRunner('ufs:/count.js', {realm: 'loose'}); const n = r.run(); r.dispose(); n"
    first = await anna(pooled)
    assert await anna(pooled) == int(str(first)) + 1
    own = "const r = runner('count.js'); const n = r.run(); r.dispose(); n"
    assert [await anna(own), await anna(own)] == [1, 1]


# --- sessions that last ---


async def test_a_stateful_session_goes_on_by_its_id(anna: Caller) -> None:
    sid = await anna(LASTING + "r.run(); r.sessionId")
    again = f"const r = runner('area.js', {{sessionId: '{sid!s}'}});"
    assert await anna(again + "[r.run(), r.sessionId, r.evaluate('session.id'), r.evaluate('session.realm')]") == [
        2,
        sid,
        sid,
        "desk",
    ]
    assert await anna(f"runner('area.js', {{sessionId: '{sid!s}', realm: 'desk'}}).run()") == 3
    await fails(anna, f"runner('area.js', {{sessionId: '{sid!s}', realm: 'shop'}})", "BadArgument")


async def test_21_39_a_forgotten_session_is_an_error_at_construction(anna: Caller, nobody: Caller) -> None:
    await fails(anna, "runner('area.js', {sessionId: 'no such session'})", "SessionUnknown")
    # Neither the own one nor one that does not last, nor one that somebody else has made.
    await fails(anna, "runner('area.js', {sessionId: session.id})", "SessionUnknown")
    await fails(anna, "const r = runner('area.js'); runner('area.js', {sessionId: r.sessionId})", "SessionUnknown")
    sid = await anna(LASTING + "r.sessionId")
    await fails(nobody, f"runner('area.js', {{sessionId: '{sid!s}'}})", "SessionUnknown")
    await anna.engine.session_manager.drop_session(str(sid), actor="olga")
    await fails(anna, f"runner('area.js', {{sessionId: '{sid!s}'}})", "SessionUnknown")


async def test_21_38_a_busy_session_is_an_error_at_once_or_waited_for(anna: Caller) -> None:
    sid = await anna(LASTING + "r.sessionId")
    nap = f"const r = runner('nap.js', {{sessionId: '{sid!s}'}}); r.publishGlobalProperty('ms', 2000); r.run()"
    holding = asyncio.create_task(anna(nap))
    await _until(lambda: anna.engine.scripts.reserved.taken(str(sid)))
    began = time.monotonic()
    await fails(anna, f"runner('area.js', {{sessionId: '{sid!s}'}})", "SessionBusy")
    await fails(anna, f"runner('area.js', {{sessionId: '{sid!s}', waitTimeout: 20}})", "TurnTimeout")
    assert not holding.done(), f"it took {time.monotonic() - began} s to say so"
    assert await anna(f"runner('area.js', {{sessionId: '{sid!s}', waitTimeout: 60000}}).run()") == 1
    assert await holding == "rested"


async def test_21_38_within_one_chain_nobody_waits_for_himself(anna: Caller) -> None:
    code = LASTING + "runner('area.js', {sessionId: r.sessionId, waitTimeout: 60000})"
    began = time.monotonic()
    await fails(anna, code, "SessionBusy")
    assert time.monotonic() - began < HANGS
    assert (
        await anna(
            LASTING
            + "r.dispose(); runner('area.js', {sessionId: r_id(r)}).run(); function r_id() { return id }".replace(
                "r.dispose();", "const id = r.sessionId; r.dispose();"
            )
        )
        == 1
    )


async def test_a_session_without_time_left_is_gone_after_its_script(anna: Caller) -> None:
    sid = await anna("const r = runner('end.js', {realm: 'desk'}); r.run(); r.sessionId")
    await fails(anna, f"runner('area.js', {{sessionId: '{sid!s}'}})", "SessionUnknown")


async def test_another_account_in_a_stateful_session_gets_another_environment(anna: Caller) -> None:
    assert await anna(
        f"const r = runner('count.js', {{realm: 'desk'}}); r.login('anna', '{PASSWORD}'); r.run(); r.run();"
        f"r.login('ben', '{PASSWORD}'); [r.run(), r.evaluate('session.userName')]"
    ) == [1, "ben"]


# --- bounds ---


async def test_runners_start_runners_only_so_deep(anna: Caller) -> None:
    text = await fails(anna, "runner('again.js').run()", "ScriptFailed")
    assert "8 deep" in text
    assert anna.standing() == 0


async def test_one_execution_holds_only_so_many(anna: Caller) -> None:
    await fails(anna, "for (let i = 0; i < 20; i++) runner('sum.js')", "RunnersExhausted")
    assert await anna("for (let i = 0; i < 40; i++) runner('sum.js').dispose(); 'done'") == "done"


async def test_the_time_of_the_caller_is_that_of_what_it_runs(anna: Caller, engine: Engine) -> None:
    order = Order(
        session=anna.session,
        task=Script(
            "new ScriptRunner('ufs:/nap.js').evaluate('new Promise(() => setTimeout(() => 1, 60000))')", "ufs:/t.js"
        ),
        execution_key="k",
        what="test",
        deadline=time.monotonic() + 1.5,
    )
    began = time.monotonic()
    with pytest.raises((ScriptTimeout, ScriptFailed)) as caught:
        await engine.scripts.execute(order)
    assert time.monotonic() - began < 50
    assert "took longer" in caught.value.text
    assert anna.standing() == 0


async def test_an_abort_reaches_what_the_script_runs(anna: Caller, engine: Engine) -> None:
    running = asyncio.create_task(anna("const r = runner('nap.js'); r.publishGlobalProperty('ms', 60000); r.run()"))
    await _until(lambda: any(one.what == "script ufs:/nap.js" for one in engine.rules.activity.in_use()))
    await asyncio.sleep(0.05)
    assert engine.rules.activity.abort(anna.session.id) == 1
    with pytest.raises(ExecutionAborted):
        await running
    assert anna.standing() == 0
    assert not engine.rules.activity.in_use()


async def test_dropping_the_runners_session_breaks_off_the_runner_only(anna: Caller, engine: Engine) -> None:
    code = (
        "let said; const r = runner('nap.js');"
        "try { r.evaluate('new Promise(() => setTimeout(() => 1, 60000))'); } catch (e) { said = e.name; } said"
    )
    running = asyncio.create_task(anna(code))
    await _until(lambda: any(one.what == "script ufs:/nap.js" for one in engine.rules.activity.in_use()))
    (standing,) = [one for one in engine.rules.sessions.standalone.all() if not one.lasting]
    assert await engine.session_manager.drop_session(standing.session.id, actor="olga") is not None
    assert await running == "SessionEnded"


async def test_everything_is_given_back_when_the_execution_is_over(anna: Caller, engine: Engine) -> None:
    environments = engine.scripts.counts.environments
    await anna("globalThis.r = runner('sum.js'); r.evaluate('1'); runner('sum.js').evaluate('2')")
    await fails(anna, "runner('sum.js').evaluate('1'); throw new TypeError('x')", "TypeError")
    assert anna.standing() == 0
    await _until(lambda: not any(one.busy for one in environments))
    assert await anna("runner('sum.js').dispose(); 'done'") == "done"
    await fails(anna, "const r = runner('sum.js'); r.dispose(); r.dispose(); r.run()", "RunnerDisposed")


async def test_a_runner_of_an_earlier_execution_is_of_no_use(engine: Engine, runtime_name: RuntimeName) -> None:
    session = await engine.login("desk", "ben", PASSWORD)
    assert session is not None
    desk = Caller(engine, session, runtime_name)
    assert await desk("globalThis.kept = runner('count.js'); kept.run()") == 1
    await fails(desk, "kept.run()", "StaleSession")


async def test_an_environment_that_had_a_timeout_is_a_fresh_one_when_it_is_cleared(anna: Caller) -> None:
    assert await anna(
        "const r = runner('loop.js'); const said = [];"
        "try { r.run(); } catch (e) { said.push(e.name); }"
        "r.clear(); said.push(r.evaluate('1 + 1')); said"
    ) == ["ScriptTimeout", 2]


async def test_an_anonymous_callers_runners_take_the_room_of_visitors(nobody: Caller, engine: Engine) -> None:
    seen = []
    claim = engine.scripts.claim

    async def watched(session: Session, **options: object) -> object:
        seen.append(options["visitor"])
        return await claim(session, **options)  # type: ignore[arg-type]

    engine.scripts.claim = watched  # type: ignore[method-assign,assignment]
    try:
        await nobody("runner('outer.js').run()")
    finally:
        engine.scripts.claim = claim  # type: ignore[method-assign]
    assert seen == [True, True]


async def test_parameters_of_execute_script_come_in_pairs(anna: Caller) -> None:
    await fails(anna, "executeScript('ufs:/sum.js', 'a')", "BadArgument")
    await fails(anna, "executeScript('ufs:/sum.js', 1, 2)", "BadArgument")
    await fails(anna, "executeScript('ufs:/sum.js', 'a', {})", "NotPrimitive")


async def _until(true: object) -> None:
    assert callable(true)
    async with asyncio.timeout(HANGS):
        while not true():
            await asyncio.sleep(0.005)
