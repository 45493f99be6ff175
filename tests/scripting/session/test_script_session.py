"""The members of the class Session, asked of the host as the bridge asks."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.clock import DAY, MINUTE, ManualClock
from sojourn.core.errors import (
    AuthTokenRefused,
    DelegatedHandle,
    FreshLoginRequired,
    InsufficientScope,
    ResponseAlreadySent,
    SessionEnded,
    Unauthorized,
)
from sojourn.data.keys import ProductUnknown
from sojourn.data.product_text import SIZE
from sojourn.data.products import Products
from sojourn.engine.accounts.users import ExternalAuthorizer
from sojourn.engine.opened import IdleTooLong
from sojourn.engine.passwords.credentials import AccountUnusable
from sojourn.engine.security.actors import HOST
from sojourn.engine.tokens.rules import AuthTokenFixed, AuthTokenUnknown
from sojourn.engine.tokens.session_tokens import NotStateful
from sojourn.scripting.declare import BadArgument
from sojourn.scripting.dispatch import NoSuchFunction
from tests.scripting.session.conftest import PASSWORD, Desk, Open, request

pytestmark = pytest.mark.anyio

NEW = "seven quiet otters at dawn"


def token(scope: str = "cart.read", **changed: Any) -> dict[str, Any]:
    made = {"scope": scope, "data": "", "description": "", "expires": None, "chosen": False, "key": 0, "userKey": -1}
    return made | changed


async def test_of_nobody_everything_is_empty(desk: Desk) -> None:
    told = {
        name: await desk(f"Session.{name}")
        for name in (
            "userKey",
            "userName",
            "subject",
            "scope",
            "identityProviderKey",
            "startupScriptsExecuted",
            "trackingId",
            "createKeyLicense",
            "lastPath",
        )
    }
    assert told == {
        "userKey": -1,
        "userName": "anonymous",
        "subject": "",
        "scope": "",
        "identityProviderKey": None,
        "startupScriptsExecuted": False,
        "trackingId": "",
        "createKeyLicense": 0,
        "lastPath": "",
    }


async def test_it_says_where_it_is(desk: Desk) -> None:
    names = ("id", "realm", "runtime", "application", "clientId", "scriptURI", "hasRequest")
    told = [await desk(f"Session.{name}") for name in names]
    assert told == [desk.run.session.id, "acme", "ije", 77, "c-1", "ufs:/a.js", False]


async def test_a_script_of_a_key_is_told_by_its_key(open_desk: Open) -> None:
    assert await (await open_desk(scripts=("vfs:ikey?-12",)))("Session.scriptURI") == -12


async def test_what_can_only_be_read_cannot_be_set(desk: Desk) -> None:
    with pytest.raises(NoSuchFunction):
        await desk("Session.userKey=", 1)


async def test_a_login_makes_it_the_users(desk: Desk, engine: Engine) -> None:
    assert await desk("Session.login", "ANNA@example.org", PASSWORD) is True
    before, epoch = desk.run.session.handle, desk.run.session.access.session.epoch
    assert await desk("Session.login", "anna", PASSWORD) is True
    known = await engine.rules.users.find("main", "anna")
    assert known is not None
    assert await desk("Session.userKey") == known.key
    assert (await desk("Session.userName"), await desk("Session.scope")) == ("anna", "cart.read cart.write")
    assert desk.run.session.handle != before
    assert desk.run.session.access.session.epoch > epoch


async def test_a_wrong_password_is_false_and_changes_nothing(annas: Desk) -> None:
    handle = annas.run.session.handle
    assert await annas("Session.login", "ben", "not his password") is False
    assert await annas("Session.login", "nobody at all", "x") is False
    assert (await annas("Session.userName"), annas.run.session.handle) == ("anna", handle)


async def test_a_locked_account_throws(desk: Desk, engine: Engine) -> None:
    anna = await engine.rules.users.find("main", "anna")
    assert anna is not None
    await engine.rules.users.set_state(anna.key, "locked", HOST)
    with pytest.raises(AccountUnusable):
        await desk("Session.login", "anna", PASSWORD)
    assert await desk("Session.userKey") == -1


async def test_a_login_takes_two_texts(desk: Desk) -> None:
    for args in ((), ("anna",), ("anna", None), (1, "x"), ("anna", ["x"])):
        with pytest.raises(BadArgument):
            await desk("Session.login", *args)


async def test_a_logout_ends_the_login_and_not_the_session(annas: Desk) -> None:
    sid, issued = annas.run.session.id, await annas("Session.newSessionToken", "cart.read")
    await annas("Session.logout")
    assert [await annas(f"Session.{name}") for name in ("userKey", "scope", "id")] == [-1, "", sid]
    with pytest.raises(AuthTokenRefused):
        await annas("Session.loginByAuthToken", issued)
    await annas("Session.logout")
    assert await annas("Session.login", "ben", PASSWORD) is True


async def test_without_a_record_only_this_execution_is_logged_in(open_desk: Open) -> None:
    desk = await open_desk("shop", recorded=False)
    assert await desk("Session.login", "anna", PASSWORD) is True
    assert (await desk("Session.userName"), await desk("Session.id")) == ("anna", "")
    await desk("Session.logout")
    assert await desk("Session.userKey") == -1
    assert await desk("Session.login", "ben", PASSWORD) is True


async def test_once_the_answer_is_on_its_way_nobody_logs_in_or_out(annas: Desk) -> None:
    annas.run.exchange = request()
    await annas.run.exchange.response.send()
    for call in (("login", "ben", PASSWORD), ("logout",), ("setPassword", NEW), ("loginByAuthToken", "sjt_x")):
        with pytest.raises(ResponseAlreadySent):
            await annas(f"Session.{call[0]}", *call[1:])
    assert await annas("Session.userName") == "anna"


# --- tokens ---


async def test_a_token_is_authorized_used_changed_and_revoked(annas: Desk, open_desk: Open, clock: ManualClock) -> None:
    made = await annas("Session.authorizeToken", token("cart.read", data="d", description="job"))
    assert made["userKey"] == await annas("Session.userKey")
    assert made["expires"] == datetime.fromtimestamp((clock.now() + 30 * DAY) / 1000, UTC)
    other = await open_desk()
    await other("Session.loginByAuthToken", made["text"])
    assert (await other("Session.userName"), await other("Session.scope")) == ("anna", "cart.read")

    later = datetime.fromtimestamp((clock.now() + DAY) / 1000, UTC)
    known = token("cart.read", data="d", key=made["key"], userKey=made["userKey"], chosen=True)
    await annas("Session.updateAuthToken", known | {"expires": later, "description": "another"})
    kept = await annas.run.rules.auth_tokens.restore(made["text"])
    assert (kept.expires, kept.description) == (clock.now() + DAY, "another")
    with pytest.raises(AuthTokenFixed):
        await annas("Session.updateAuthToken", known | {"expires": later, "scope": "cart.write"})

    await annas("Session.revokeAuthTokenByKey", made["key"])
    with pytest.raises(AuthTokenRefused) as refused:
        await (await open_desk())("Session.loginByAuthToken", made["text"])
    assert refused.value.reason == "revoked"


async def test_a_token_that_has_expired_logs_nobody_in(annas: Desk, open_desk: Open, clock: ManualClock) -> None:
    soon = datetime.fromtimestamp((clock.now() + MINUTE) / 1000, UTC)
    made = await annas("Session.authorizeToken", token(chosen=True, expires=soon))
    clock.advance(MINUTE)
    other = await open_desk()
    with pytest.raises(AuthTokenRefused) as refused:
        await other("Session.loginByAuthToken", made["text"])
    assert (refused.value.reason, await other("Session.userKey")) == ("expired", -1)
    assert await other("Session.loginByToken", made["text"]) is False


async def test_the_old_token_login_says_whether(annas: Desk, open_desk: Open) -> None:
    made = await annas("Session.authorizeToken", token())
    other = await open_desk()
    assert await other("Session.loginByToken", "sjt_nonsense") is False
    assert await other("Session.loginByToken", made["text"]) is True
    assert await other("Session.userName") == "anna"


async def test_a_token_for_a_script_is_taken_by_that_script_alone(annas: Desk, open_desk: Open) -> None:
    made = await annas("Session.authorizeToken", token("cart.read ufs:/a.js"))
    await (await open_desk(scripts=("ufs:/a.js",)))("Session.loginByAuthToken", made["text"])
    for scripts in (("ufs:/b.js",), ("ufs:/a.js", "ufs:/b.js"), ()):
        other = await open_desk(scripts=scripts)
        with pytest.raises(AuthTokenRefused) as refused:
            await other("Session.loginByAuthToken", made["text"])
        assert (refused.value.reason, await other("Session.userKey")) == ("script-not-allowed", -1)


async def test_nobody_hands_nothing_on(desk: Desk) -> None:
    for name in ("authorizeToken", "updateAuthToken"):
        with pytest.raises(Unauthorized):
            await desk(f"Session.{name}", token())


async def test_a_token_is_no_wider_than_the_session(annas: Desk) -> None:
    with pytest.raises(InsufficientScope):
        await annas("Session.authorizeToken", token("engine.manageSessions"))
    with pytest.raises(AuthTokenUnknown):
        await annas("Session.revokeAuthTokenByKey", 999)


async def test_a_session_that_a_token_logged_in_does_not_change_what_is_its_users(annas: Desk, open_desk: Open) -> None:
    made = await annas("Session.authorizeToken", token())
    other = await open_desk()
    await other("Session.loginByAuthToken", made["text"])
    with pytest.raises(DelegatedHandle):
        await other("Session.setPassword", NEW)


async def test_session_tokens_are_made_in_stateful_sessions_by_text_or_list(annas: Desk, open_desk: Open) -> None:
    for scope in ("cart.read cart.write", ["cart.read", "cart.write"]):
        assert (await annas("Session.newSessionToken", scope)).startswith("sjs_")
    with pytest.raises(InsufficientScope):
        await annas("Session.newSessionToken", "engine.manageSessions")
    shop = await open_desk("shop")
    await shop("Session.login", "anna", PASSWORD)
    with pytest.raises(NotStateful):
        await shop("Session.newSessionToken", "cart.read")


# --- passwords ---


async def test_a_new_password_keeps_this_session_and_ends_the_others(annas: Desk, open_desk: Open) -> None:
    other = await open_desk()
    await other("Session.login", "anna", PASSWORD)
    await annas("Session.setPassword", NEW)
    assert await annas("Session.userName") == "anna"
    assert await annas("Session.login", "anna", PASSWORD) is False
    assert await annas("Session.login", "anna", NEW) is True
    with pytest.raises(SessionEnded):
        await other("SessionFields.get", "x")


async def test_nobody_and_users_of_providers_have_no_password_to_set(
    desk: Desk, engine: Engine, open_desk: Open
) -> None:
    with pytest.raises(Unauthorized):
        await desk("Session.setPassword", NEW)
    await engine.rules.users.add("main", "vera", None)
    made = await engine.rules.users.find("main", "vera")
    assert made is not None
    issued = await engine.rules.auth_tokens.authorize(HOST, made, token_of(), engine.realm("acme").id)
    other = await open_desk()
    await other("Session.loginByAuthToken", issued.text)
    with pytest.raises(ExternalAuthorizer):
        await other("Session.setPassword", NEW)


def token_of() -> Any:
    from sojourn.model.token import AuthToken

    return AuthToken("")


async def test_only_in_a_request_must_the_login_be_fresh(open_desk: Open, clock: ManualClock) -> None:
    desk = await open_desk("desk")
    await desk("Session.login", "anna", PASSWORD)
    clock.advance(2 * MINUTE)
    asked = desk.again()
    asked.run.exchange = request()
    for call in (("authorizeToken", token()), ("setPassword", NEW), ("revokeAuthTokenByKey", 1)):
        with pytest.raises(FreshLoginRequired):
            await asked(f"Session.{call[0]}", call[1])
    assert (await desk("Session.authorizeToken", token()))["text"].startswith("sjt_")
    await desk("Session.setPassword", NEW)


# --- what the data layer asks for ---


async def test_the_tracking_id_holds_100_printable_characters(desk: Desk) -> None:
    for value in ("order 7", "é" * 100, ""):
        await desk("Session.trackingId=", value)
        assert await desk.again()("Session.trackingId") == value
    for wrong in ("x" * 101, "a\nb", "\x00", 7, None):
        with pytest.raises(BadArgument):
            await desk("Session.trackingId=", wrong)
    assert await desk("Session.trackingId") == ""


async def test_a_product_is_named_by_who_may_modify_it(annas: Desk, engine: Engine) -> None:
    for value, error in ((5, ProductUnknown), (-5, InsufficientScope), (1.5, BadArgument), (None, BadArgument)):
        with pytest.raises(error):
            await annas("Session.createKeyLicense=", value)
        assert await annas("Session.createKeyLicense") == 0
    rules, annas.run.service = engine.rules, engine.scripts
    products = Products(await engine.databases.named(), rules.leases, rules.hasher)
    product = (await products.create("shop", "seven green lamps of ours")).key
    for key in (product, -SIZE * 700):
        await rules.grants.grant("anna", f"database.product:{key}")
    await annas("Session.login", "anna", PASSWORD)
    await annas("Session.createKeyLicense=", product)
    for value, error in ((-6, InsufficientScope), (-SIZE * 700, ProductUnknown)):
        with pytest.raises(error):
            await annas("Session.createKeyLicense=", value)
    assert await annas("Session.createKeyLicense") == product
    await annas("Session.limitKeyCreation", 3)
    await annas("Session.logout")
    assert (await annas("Session.createKeyLicense"), annas.run.kept.key_limit) == (0, 3)
    await annas("Session.createKeyLicense=", 0)


async def test_the_limit_of_keys_is_a_whole_number_or_none(desk: Desk) -> None:
    for value in (0, 3, None):
        await desk("Session.limitKeyCreation", value)
        assert desk.run.kept.key_limit == value
    for args in ((-1,), (1.5,), ("3",), ()):
        with pytest.raises(BadArgument):
            await desk("Session.limitKeyCreation", *args)


# --- its life ---


async def test_a_timeout_is_a_limit_from_now_on(annas: Desk, clock: ManualClock) -> None:
    await annas("Session.setTimeout", 5)
    clock.advance(4 * MINUTE)
    await annas("SessionFields.put", {"used": True})
    clock.advance(5 * MINUTE - 1)
    assert await annas("SessionFields.get", "used") is True
    clock.advance(5 * MINUTE)
    with pytest.raises(SessionEnded) as ended:
        await annas("SessionFields.get", "used")
    assert ended.value.reason == "idle"


async def test_its_parts_add_up(annas: Desk) -> None:
    for args, limit in (
        ((0, 1), 60 * MINUTE),
        ((0.5,), MINUTE / 2),
        ((0, 0, 0.5), DAY / 2),
        ((30, 1, 0, 0, 0), 90 * MINUTE),
    ):
        await annas("Session.setTimeout", *args)
        assert annas.run.session.idle == limit


async def test_no_time_at_all_ends_it_after_the_script(annas: Desk) -> None:
    for args in ((0,), (0, 0, 0)):
        annas.run.ends_session = False
        await annas("Session.setTimeout", *args)
        assert annas.run.ends_session
        assert await annas("Session.userName") == "anna"
    await annas("Session.setTimeout", 5)
    assert not annas.run.ends_session


async def test_a_timeout_is_no_nonsense(annas: Desk) -> None:
    for args in ((-1,), (0, -1), (float("nan"),), (float("inf"),), ("5",), (), (None,)):
        with pytest.raises(BadArgument):
            await annas("Session.setTimeout", *args)


async def test_a_timeout_is_within_the_lifetime_of_the_realm(annas: Desk) -> None:
    with pytest.raises(IdleTooLong):
        await annas("Session.setTimeout", 0, 0, 0, 0, 1)


async def test_what_is_deprecated_is_logged_once_for_each_script(desk: Desk, open_desk: Open) -> None:
    written: list[str] = []
    for one in (desk, desk.again(), await open_desk(scripts=("ufs:/b.js",))):
        one.run.log = lambda _level, text: written.append(text)
        for _ in range(2):
            await one("Session.lastPath")
            await one("Session.loginByToken", "sjt_x")
            await one("Session.userKey")
    assert sorted(written) == sorted(2 * [
        "Session.lastPath is deprecated. There is nothing in its place.",
        "Session.loginByToken is deprecated. Use loginByAuthToken.",
    ])  # fmt: skip
