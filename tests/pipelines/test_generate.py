"""Whom a token is for, and what it can never say or do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sojourn.core import json
from sojourn.core.clock import DAY, HOUR, MINUTE, ManualClock
from sojourn.core.errors import SessionEnded, SessionUnknown, TokenRefused, TooManyTries
from sojourn.core.ids import SessionHandle
from sojourn.core.json import Json
from sojourn.engine.security.actors import HOST
from sojourn.engine.tokens.claims import RESERVED_CLAIMS
from sojourn.model.session import Device, Identity
from sojourn.pipelines.powers import TokenOrder
from sojourn.pipelines.session_powers import Caller, SessionPowers
from sojourn.stores.base import Tombstones
from tests.pipelines.flows import (
    block,
    generate,
    get_global,
    make,
    plan,
    put_global,
    step,
    throw,
)
from tests.pipelines.gate import PASSWORD, Gate

pytestmark = pytest.mark.anyio

ANA = {"userName": "ana", "password": PASSWORD}


async def begun(gate: Gate) -> int:
    """How many sessions were ever begun in acme."""
    realm, store = gate.engine.realm("acme"), gate.rules.store
    assert isinstance(store, Tombstones)
    return len(await gate.rules.sessions.list(realm)) + len(await store.list_ended(realm.id, None))


async def test_a_login_makes_a_token_of_the_account(gate: Gate, token: str) -> None:
    access = await gate.access(token)
    assert access.kind == "account"
    assert access.session.identity.user_name == "ana"
    assert access.session.identity.full_scope
    assert not access.delegated
    assert access.scope == {"cart.read", "cart.write"}
    claims = access.claims or {}
    assert claims["sub"] == "ana"
    assert str(claims["iss"]).endswith("/realms/acme")


async def test_nothing_that_trigger_or_login_put_into_the_message_becomes_a_claim(gate: Gate, token: str) -> None:
    claims = (await gate.access(token)).claims or {}
    assert set(claims) == {"iss", "aud", "sub", "sid", "jti", "iat", "exp", "scopes", "realm", "consumer_name"}


async def test_an_accounts_sub_is_never_taken_from_the_message(gate: Gate) -> None:
    gate.deploy(plan(step("login"), make({"sub": "root", "colour": "blue"}), generate(), name="login"))
    access = await gate.access((await gate.call("login", ANA)).token)
    claims = access.claims or {}
    assert (claims["sub"], claims["colour"]) == ("ana", "blue")
    assert access.kind == "account"


async def test_the_scopes_of_a_step_narrow_an_account(gate: Gate) -> None:
    gate.deploy(plan(step("login"), generate(scopes=["cart.read", "security.root"]), name="login"))
    access = await gate.access((await gate.call("login", ANA)).token)
    assert access.scope == {"cart.read"}
    assert access.delegated
    assert (access.claims or {})["scopes"] == ["cart.read"]


async def test_an_empty_list_of_scopes_is_no_scope(gate: Gate) -> None:
    gate.deploy(plan(step("login"), generate(scopes=[]), name="login"))
    assert (await gate.access((await gate.call("login", ANA)).token)).scope == frozenset()


async def test_a_subject_with_the_name_of_an_account_is_not_that_account(gate: Gate) -> None:
    gate.deploy(plan(make({"sub": "ana"}), generate(), grants=["A"]))
    access = await gate.access((await gate.call("p")).token)
    assert access.kind == "external"
    assert access.account is None
    assert access.scope == {"A"}
    identity = access.session.identity
    assert (identity.user_key, identity.user_name, identity.subject) == (-1, "anonymous", "ana")
    assert str((access.claims or {})["iss"]).endswith("/realms/acme/external/p")


async def test_claims_of_an_external_principal_are_those_of_the_message(gate: Gate, external: str) -> None:
    claims = (await gate.access(external)).claims or {}
    assert (claims["sub"], claims["plan"], claims["scopes"]) == ("u-7", "gold", ["A", "B"])


async def test_two_pipelines_share_subjects_only_in_one_space(gate: Gate) -> None:
    flow = [make({"sub": "u"}), generate()]
    gate.deploy(
        plan(*flow, name="one"),
        plan(*flow, name="two"),
        plan(*flow, name="three", principalSpace="one"),
    )
    principals = [
        (await gate.access((await gate.call(name)).token)).session.principal for name in ("one", "two", "three")
    ]
    assert principals == ["x:one:u", "x:two:u", "x:one:u"]


@pytest.mark.parametrize("name", sorted(RESERVED_CLAIMS))
async def test_claims_of_the_engine_are_refused(gate: Gate, name: str) -> None:
    gate.deploy(plan(make({"sub": "u", name: "mine"}), generate()))
    answer = await gate.call("p")
    assert answer.status == 400
    assert name in answer.json["error"]
    assert "Authorization" not in answer.headers
    assert not await gate.rules.sessions.list(gate.engine.realm("acme"))


async def test_claims_of_the_engine_are_refused_for_accounts_too(gate: Gate) -> None:
    gate.deploy(plan(step("login"), make({"groups": ["admins"]}), generate(), name="login"))
    answer = await gate.call("login", ANA)
    assert answer.status == 400
    assert await begun(gate) == 0


async def test_a_token_that_cannot_be_made_leaves_no_session(gate: Gate) -> None:
    gate.deploy(plan(make({"sub": "u", "much": "x" * 9_000}), generate()))
    answer = await gate.call("p")
    assert (answer.status, "Authorization" in answer.headers) == (400, False)
    assert not await gate.rules.sessions.list(gate.engine.realm("acme"))


async def test_a_password_change_after_the_login_step_makes_the_login_void(gate: Gate) -> None:
    powers = SessionPowers(gate.rules, plan(make({})).trigger, Caller(gate.engine.realm("acme"), None, None, Device()))
    account = await powers.authenticate("ana", PASSWORD)
    assert account is not None
    await gate.rules.passwords.set(HOST, account.key, "eleven other lanterns drift")
    with pytest.raises(SessionEnded):
        await powers.generate(TokenOrder(claims={}))
    assert not await gate.rules.sessions.list(gate.engine.realm("acme"))


async def test_one_execution_tries_five_logins(gate: Gate) -> None:
    powers = SessionPowers(gate.rules, plan(make({})).trigger, Caller(gate.engine.realm("acme"), None, None, Device()))
    for at in range(5):
        assert await powers.authenticate(f"name{at}", PASSWORD) is None
    with pytest.raises(TooManyTries):
        await powers.authenticate("ana", PASSWORD)


@pytest.mark.parametrize("message", [{}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256}, {"sub": "a\nb"}, [1], "u", None])
async def test_a_message_that_names_nobody_makes_no_token(gate: Gate, message: object) -> None:
    gate.deploy(plan(make("{{ message.body }}"), generate()))
    answer = await gate.call("p", raw=json.encode(message))
    assert (answer.status, "Authorization" in answer.headers) == (422, False)


async def test_a_scope_that_is_not_granted_is_refused(gate: Gate) -> None:
    gate.deploy(
        plan(make({"sub": "u", "want": "{{ message.body }}"}), generate(scopes="{{ message.want }}"), grants=["A"])
    )
    assert (await gate.call("p", "A")).status == 200
    for want, status in (("B", 403), ("A,security.root", 403), ("A b%c\\d", 400)):
        answer = await gate.call("p", want)
        assert (answer.status, "Authorization" in answer.headers) == (status, False), want


async def test_a_failure_is_the_message_where_the_step_does_not_fail(gate: Gate) -> None:
    gate.deploy(plan(make({}), generate(failOnError=False)))
    answer = await gate.call("p")
    assert answer.status == 200
    assert (answer.json["success"], answer.json["code"]) == (False, 422)
    assert "Authorization" not in answer.headers


async def test_a_session_of_generate_ends_with_its_token_and_has_no_idle_limit(gate: Gate, clock: ManualClock) -> None:
    gate.deploy(plan(make({"sub": "u"}), generate(expiresIn=5 * HOUR)))
    token = (await gate.call("p")).token
    clock.advance(5 * HOUR - 1)
    assert (await gate.access(token)).session.idle == 0
    clock.advance(1)
    with pytest.raises(TokenRefused) as refused:
        await gate.access(token)
    assert refused.value.reason == "expired"


async def test_a_session_with_an_idle_limit_dies_of_it(gate: Gate, clock: ManualClock) -> None:
    gate.deploy(plan(make({"sub": "u"}), generate(expiresIn=5 * HOUR, idle=MINUTE)))
    token = (await gate.call("p")).token
    clock.advance(MINUTE)
    with pytest.raises(SessionEnded) as ended:
        await gate.access(token)
    assert ended.value.reason == "idle"


@pytest.mark.parametrize("expires_in", [0, "0", "", None])
async def test_no_expiration_is_the_realms_token_lifetime(gate: Gate, expires_in: object) -> None:
    gate.deploy(plan(make({"sub": "u"}), generate(expiresIn=expires_in)))
    claims = (await gate.access((await gate.call("p")).token)).claims or {}
    assert int(str(claims["exp"])) - int(str(claims["iat"])) == 3600


@pytest.mark.parametrize("life", [366 * DAY, -1, 999, "soon", 1.5, [1]])
async def test_a_life_that_cannot_be_is_refused_at_run_time_too(gate: Gate, life: object) -> None:
    gate.deploy(plan(make({"sub": "u", "life": "{{ message.body }}"}), generate(expiresIn="{{ message.life }}")))
    assert (await gate.call("p", raw=json.encode(life))).status == 422


async def test_a_second_generate_ends_the_first_session(gate: Gate) -> None:
    gate.deploy(plan(make({"sub": "one"}), generate(), make({"sub": "two"}), generate()))
    answer = await gate.call("p")
    assert (await gate.access(answer.token)).session.identity.subject == "two"
    live = await gate.rules.sessions.list(gate.engine.realm("acme"))
    assert [session.identity.subject for session in live] == ["two"]


async def test_a_second_generate_that_fails_leaves_the_first(gate: Gate) -> None:
    second = block([make({"sub": "two", "iss": "x"}), generate()], [make({"caught": True})])
    gate.deploy(plan(make({"sub": "one"}), generate(), second))
    assert (await gate.access((await gate.call("p")).token)).session.identity.subject == "one"


async def test_a_flow_that_ends_with_an_error_hands_out_no_token(gate: Gate) -> None:
    gate.deploy(plan(make({"sub": "u"}), generate(), throw("no", 402)))
    answer = await gate.call("p")
    assert (answer.status, "Authorization" in answer.headers) == (402, False)
    assert not await gate.rules.sessions.list(gate.engine.realm("acme"))


async def test_a_session_whose_token_did_not_come_in_time_is_ended(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_arguments: object, **_options: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(gate.rules.tokens, "issue", never)
    gate.deploy(plan(make({"sub": "u-1"}), generate(), timeout=2_000))  # time enough for a slow machine to begin it
    assert (await gate.call("p")).status == 500
    assert await begun(gate) == 1
    assert await gate.rules.sessions.list(gate.engine.realm("acme")) == []


async def test_the_account_is_that_of_the_last_successful_login(gate: Gate) -> None:
    wrong = step("login", params={"userName": "ben", "password": "wrong"})
    ben = step("login", params={"userName": "ben", "password": PASSWORD})
    failed = block([wrong], [make({})])
    gate.deploy(
        plan(step("login"), failed, generate(), name="kept"),
        plan(step("login"), ben, generate(), name="changed"),
    )
    assert (await gate.access((await gate.call("kept", ANA)).token)).session.identity.user_name == "ana"
    assert (await gate.access((await gate.call("changed", ANA)).token)).session.identity.user_name == "ben"


async def test_wrong_credentials_are_one_error(gate: Gate) -> None:
    gate.deploy(plan(step("login"), generate(), name="login"))
    bodies: list[Json] = [
        {"userName": "ana", "password": "wrong"},
        {"userName": "nobody", "password": PASSWORD},
        {"userName": "ana"},
        {"userName": ["ana"], "password": {"x": 1}},
        None,
    ]
    answers = [await gate.call("login", body) for body in bodies]
    assert {(answer.status, answer.body) for answer in answers} == {
        (401, b'{"timestamp":"2027-01-15T08:00:00.000Z","error":"Invalid credentials","code":401}')
    }


async def test_on_a_call_with_a_session_generate_makes_a_new_one(gate: Gate, external: str) -> None:
    gate.deploy(plan(make({"sub": "u-8", "k": 1}), put_global("k"), generate(), get_global("k"), tokenJwt=True))
    answer = await gate.call("p", token=external)
    # GLOBAL steps go on with the session of the request's own token.
    assert answer.json == {"status": "logged", "k": 1}
    assert (await gate.access(external)).session.identity.subject == "u-7"
    assert await gate.fields(answer.token) == {}


async def test_renew_makes_a_further_token_of_the_same_session(gate: Gate, external: str, clock: ManualClock) -> None:
    gate.deploy(plan(generate(renew=True, scopes="A", expiresIn=10 * HOUR), tokenJwt=True))
    clock.advance(MINUTE)
    token = (await gate.call("p", token=external)).token
    before, renewed = await gate.access(external), await gate.access(token)
    assert renewed.session.id == before.session.id
    assert (renewed.scope, renewed.delegated) == (frozenset({"A"}), True)
    assert (renewed.claims or {})["plan"] == "gold"
    assert (renewed.claims or {})["exp"] == (before.claims or {})["exp"]


async def test_renew_is_never_wider_than_the_token_that_asks(gate: Gate, external: str) -> None:
    gate.deploy(
        plan(generate(renew=True, scopes="A"), name="narrow", tokenJwt=True), plan(generate(renew=True), tokenJwt=True)
    )
    narrow = (await gate.call("narrow", token=external)).token
    again = await gate.access((await gate.call("p", token=narrow)).token)
    assert (again.scope, again.delegated) == (frozenset({"A"}), True)


async def test_renew_without_a_session_is_an_error(gate: Gate) -> None:
    gate.deploy(plan(make({"sub": "u"}), generate(renew=True)))
    assert (await gate.call("p")).status == 401


async def test_revoke_ends_the_session_of_the_token(gate: Gate, external: str) -> None:
    gate.deploy(plan(step("jwt", params={"operation": "REVOKE", "failOnError": True}), tokenJwt=True))
    assert (await gate.call("p", token=external)).json == {"status": "revoked"}
    with pytest.raises(SessionEnded) as ended:
        await gate.access(external)
    assert ended.value.reason == "logout"


async def test_revoke_and_decode_without_a_token_are_errors(gate: Gate) -> None:
    for operation in ("REVOKE", "DECODE"):
        gate.deploy(plan(step("jwt", params={"operation": operation, "failOnError": True})))
        answer = await gate.call("p")
        assert (answer.status, answer.json["code"]) == (401, 401)


async def test_a_token_that_is_issued_is_audited(gate: Gate, external: str) -> None:
    sid = (await gate.access(external)).session.id
    issued = [event for event in await gate.rules.audit.recent(20) if event.kind == "TOKEN_ISSUE"]
    assert [(event.actor, event.session, event.outcome) for event in issued] == [("u-7", sid, "ok")]


async def test_the_session_begun_has_no_handle_but_the_token(gate: Gate, external: str) -> None:
    sid = (await gate.access(external)).session.id
    with pytest.raises(SessionUnknown):
        await gate.rules.sessions.open(gate.engine.realm("acme"), SessionHandle(sid, "x" * 43), "cookie")


async def late_store(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The store makes sessions at once, and says so when the event is set."""
    make_one, answers = gate.rules.store.create, asyncio.Event()

    async def late(*args: Any, **options: Any) -> None:
        await make_one(*args, **options)
        await answers.wait()

    monkeypatch.setattr(gate.rules.store, "create", late)
    return answers


async def ends(gate: Gate) -> list[str]:
    """Why the sessions of acme ended; none lives."""
    realm, store = gate.engine.realm("acme"), gate.rules.store
    assert not await gate.rules.sessions.list(realm)
    assert isinstance(store, Tombstones)
    return [one.end.reason for one in await store.list_ended(realm.id, None)]


async def test_a_session_that_begins_while_the_time_is_up_ends_as_soon_as_it_is_there(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.deploy(plan(make({"sub": "u"}), generate(), timeout=60, timeoutStatus=504))
    answers = await late_store(gate, monkeypatch)
    assert (await gate.call("p")).status == 504
    answers.set()
    await gate.rules.sessions.beginnings.idle()
    assert await ends(gate) == ["token-revoked"]


async def test_who_is_cancelled_while_a_session_begins_leaves_none(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    answers, sessions = await late_store(gate, monkeypatch), gate.rules.sessions
    beginning = asyncio.create_task(sessions.begin(gate.engine.realm("acme"), Identity(), Device()))
    while not await sessions.list(gate.engine.realm("acme")):
        await asyncio.sleep(0)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    answers.set()
    await sessions.beginnings.close()
    assert await ends(gate) == ["token-revoked"]
