"""The Python face of a session."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from sojourn.core.clock import DAY, HOUR
from sojourn.core.errors import (
    BadOperand,
    BadRequest,
    FieldConflict,
    FieldLimit,
    InsufficientScope,
    InvalidJson,
    SessionEnded,
    StaleSession,
)
from sojourn.engine.access import Access
from sojourn.engine.live import Session
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Begun
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity

pytestmark = pytest.mark.anyio


@pytest.fixture
def session(rules: Rules, access: Access, begun: Begun) -> Session:
    return Session(rules, access, begun.handle)


async def test_it_says_whose_it_is(session: Session, anna: Account, realm: Realm, begun: Begun) -> None:
    assert (session.user_name, session.user_key, session.subject) == ("anna", anna.key, "")
    assert (session.id, session.realm, session.handle) == (begun.session.id, realm, begun.handle)
    assert session.scope == {"cart.read", "cart.write"}
    assert begun.handle.secret not in repr(session)


async def test_the_example_of_the_documentation(session: Session) -> None:
    await session.fields.put(cart={"sku": "A1"})
    assert await session.fields.increment("visits") == 1
    assert await session.fields.get("cart") == {"sku": "A1"}
    await session.end("logout")
    with pytest.raises(SessionEnded):
        await session.fields.get("cart")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "é\u0000\U0001f600",
        12345678901234567890123,
        0.1,
        -0.0,
        1e100,
        Decimal("0.12345678901234567890"),
        Decimal("10.10"),
        [],
        {},
        {"a": [{"b": None}]},
    ],
)
async def test_a_value_comes_back_as_it_went_in(session: Session, value: Any) -> None:
    await session.fields.put(value=value)
    found = await session.fields.get("value")
    assert (found, type(found)) == (value, type(value))


async def test_what_comes_back_belongs_to_the_caller(session: Session) -> None:
    cart = ["A1"]
    await session.fields.put(cart=cart)
    cart.append("A2")
    (await session.fields.get("cart")).append("A3")
    assert await session.fields.get("cart") == ["A1"]


async def test_any_text_can_be_a_name(session: Session) -> None:
    await session.fields.put(self=1, name=2)
    await session.fields.put_all({"with blank": 3, "é": 4, "put": 5})
    assert await session.fields.all() == {"self": 1, "name": 2, "with blank": 3, "é": 4, "put": 5}
    await session.fields.delete("self", "é", "absent")
    assert set(await session.fields.all()) == {"name", "with blank", "put"}
    assert await session.fields.get("self") is None
    assert await session.fields.get("self", 7) == 7


async def test_versions_turn_a_conflict_into_an_error(session: Session) -> None:
    assert await session.fields.get_with_version("n") == (None, 0)
    first = await session.fields.put_if("n", 1, version=0)
    assert await session.fields.get_with_version("n") == (1, first)
    await session.fields.put(other=1)
    second = await session.fields.put_if("n", 2, version=first)
    with pytest.raises(FieldConflict) as conflict:
        await session.fields.put_if("n", 3, version=first)
    assert (conflict.value.expected, conflict.value.found, conflict.value.value) == (first, second, "2")
    with pytest.raises(FieldConflict):
        await session.fields.delete_if("n", version=first)
    await session.fields.delete_if("n", version=second)
    assert await session.fields.get("n") is None


async def test_increments_are_exact(session: Session) -> None:
    assert await session.fields.increment("a", 0.1) == 0.1
    assert await session.fields.increment("a", 0.2) == 0.3
    assert await session.fields.increment("b", 9223372036854775807) == 9223372036854775807
    assert await session.fields.increment("b") == 9223372036854775808
    assert await session.fields.increment("c", Decimal("-0.123456789012345678")) == Decimal("-0.123456789012345678")
    await asyncio.gather(*(session.fields.increment("d", 2) for _ in range(50)))
    assert await session.fields.get("d") == 100


@pytest.mark.parametrize("by", [float("nan"), float("inf"), 1e-300, Decimal("1e50"), 10**40])
async def test_a_step_that_is_no_plain_decimal_is_refused(session: Session, by: Any) -> None:
    with pytest.raises(BadOperand):
        await session.fields.increment("n", by)


async def test_append_and_merge_work_in_place(session: Session) -> None:
    await session.fields.append("list", {"a": 1})
    await session.fields.append("list", None)
    assert await session.fields.get("list") == [{"a": 1}, None]
    await session.fields.put(big=[Decimal("1.10")])
    await session.fields.merge("object", {"a": 1, "b": {"c": 2}})
    await session.fields.merge("object", {"a": None, "d": 3})
    assert await session.fields.get("object") == {"b": {"c": 2}, "d": 3}
    with pytest.raises(BadOperand):
        await session.fields.append("object", 1)


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}, object(), {1j}, Decimal("sNaN")])
async def test_what_json_cannot_hold_is_refused(session: Session, value: Any) -> None:
    with pytest.raises(InvalidJson):
        await session.fields.put(value=value)
    assert await session.fields.all() == {}


async def test_limits_refuse_the_whole_write(session: Session) -> None:
    with pytest.raises(FieldLimit):
        await session.fields.put(small=1, large="x" * 300_000)
    with pytest.raises(FieldLimit):
        await session.fields.put_all({f"f{n}": n for n in range(65)})
    with pytest.raises(FieldLimit):
        await session.fields.put_all({"": 1})
    assert await session.fields.all() == {}


async def test_a_session_that_changed_its_identity_is_stale(
    session: Session, rules: Rules, access: Access, anna: Account
) -> None:
    await session.check()
    await rules.sessions.rotate(access, account_identity(anna, 0), Device(), keep=None)
    for act in (session.check(), session.fields.put(a=1), session.fields.all(), session.end(), session.token()):
        with pytest.raises(StaleSession):
            await act


async def test_a_token_opens_the_same_session(session: Session, rules: Rules, realm: Realm) -> None:
    await session.fields.put(cart=["A1"])
    claims = await rules.tokens.verify(realm, await session.token(scope=["cart.read"], lifetime=HOUR // 2))
    access = await rules.sessions.open_token(realm, claims)
    assert (access.session.id, set(access.scope)) == (session.id, {"cart.read"})
    assert claims.expires_at == rules.clock.now() + HOUR // 2
    narrow = Session(rules, access)
    assert await narrow.fields.get("cart") == ["A1"]
    with pytest.raises(InsufficientScope):
        await narrow.token(scope=["cart.write"])
    for lifetime in (0, -1, 366 * DAY):
        with pytest.raises(BadRequest):
            await session.token(lifetime=lifetime)


async def test_a_batch_happens_as_a_whole(session: Session) -> None:
    status = await session.fields.put(status="open", old=1, list=[1])
    done = await (
        session.fields.batch()
        .put(cart=["A1"])
        .put_all({"with blank": Decimal("10.10")})
        .increment("visits", 2)
        .append("list", 2)
        .merge("address", {"city": "Graz"})
        .delete("old", "absent")
        .put_if("status", "paid", version=status)
        .apply()
    )
    assert done.values == {"visits": 2}
    assert await session.fields.get_with_version("status") == ("paid", done.version)
    assert await session.fields.all() == {
        "cart": ["A1"],
        "with blank": Decimal("10.10"),
        "visits": 2,
        "list": [1, 2],
        "address": {"city": "Graz"},
        "status": "paid",
    }


async def test_a_batch_sees_its_own_operations_in_order(session: Session) -> None:
    await session.fields.batch().put(n=1).increment("n", 4).append("n2", 1).delete("n2").apply()
    assert await session.fields.all() == {"n": 5}


REFUSED: list[Any] = [
    (lambda batch: batch.put_if("n", 3, version=77), FieldConflict),
    (lambda batch: batch.delete_if("gone", version=1), FieldConflict),
    (lambda batch: batch.increment("text"), BadOperand),
    (lambda batch: batch.put(large="x" * 300_000), FieldLimit),
]


@pytest.mark.parametrize(("add", "error"), REFUSED)
async def test_one_operation_that_is_refused_refuses_the_whole_batch(session: Session, add: Any, error: Any) -> None:
    await session.fields.put(n=1, text="x")
    batch = add(session.fields.batch().put(n=2, fresh=1).increment("n"))
    with pytest.raises(error):
        await batch.apply()
    assert await session.fields.all() == {"n": 1, "text": "x"}


async def test_what_json_cannot_hold_does_not_get_into_a_batch(session: Session) -> None:
    batch = session.fields.batch().put(n=1)
    with pytest.raises(InvalidJson):
        batch.put(bad=float("nan"))
    await batch.apply()
    assert await session.fields.all() == {"n": 1}


async def test_an_empty_batch_writes_nothing(session: Session) -> None:
    version = await session.fields.put(n=1)
    assert await session.fields.batch().apply() == (version, {})


@pytest.mark.parametrize(
    "text", ["12345678901234567890123", "-0.12345678901234567890", "10.10", "1e400", "[1.0,1.00,100000000000000000001]"]
)
async def test_numbers_keep_their_digits_through_every_operation(
    session: Session, rules: Rules, access: Access, text: str
) -> None:
    from sojourn.core.json import decode
    from sojourn.model import field

    await session.fields.put(a=decode(text))
    await session.fields.append("list", decode(text))
    await session.fields.merge("object", {"a": decode(text)})
    fields = await rules.sessions.fields(access)
    assert fields["a"].text.lower().replace("e+", "e") == text
    await rules.sessions.change(access, [field.put("b", text)])
    assert (await rules.sessions.fields(access))["b"].text == text
    assert await session.fields.get("list") == [await session.fields.get("b")]
    assert await session.fields.get("object") == {"a": await session.fields.get("b")}
