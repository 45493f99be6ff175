"""``sojourn.contrib.django.SessionStore`` as Django's own session backends are tested: by the laws of ``SessionBase``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from sojourn.bootstrap import Engine
from sojourn.contrib.django import SessionConflict, SessionStore
from sojourn.contrib.portal import Portal
from sojourn.core.clock import HOUR, MINUTE, SECOND, ManualClock
from sojourn.core.errors import StoreUnavailable
from sojourn.core.ids import parse_handle
from sojourn.core.json import encode
from sojourn.model.session import Session
from sojourn.stores.base import Lifecycle


@pytest.fixture(autouse=True)
def project(portal: Portal) -> Iterator[None]:
    with override_settings(SOJOURN_PROJECT=portal):
        yield


def saved(**values: Any) -> SessionStore:
    """A session with ``values``, as the request that began it leaves it."""
    store = SessionStore()
    store.update(values)
    store.save()
    return store


def again(store: SessionStore) -> SessionStore:
    """The same session in another request."""
    return SessionStore(store.session_key)


def values(store: SessionStore) -> dict[str, Any]:
    return dict(again(store).items())


def records(portal: Portal) -> list[Session]:
    async def listed(engine: Engine) -> list[Session]:
        return list(await engine.rules.sessions.list(engine.realm("main")))

    return portal.call(listed)


# --- a mapping, as Django's own tests name it ---


def test_new_session() -> None:
    store = SessionStore()
    assert (store.modified, store.accessed, store.is_empty(), store.session_key) == (False, False, True, None)


def test_a_session_that_is_only_looked_at_begins_no_record(portal: Portal) -> None:
    store = SessionStore()
    assert (store.get("cat"), store.get("cat", "dog"), "cat" in store, list(store.keys())) == (None, "dog", False, [])
    assert (store.accessed, store.modified) == (True, False)
    assert records(portal) == []


def test_store_pop_update_setdefault_and_the_views() -> None:
    store = SessionStore()
    store["cat"] = "dog"
    assert store.modified
    assert (store.pop("cat"), store.pop("cat", "none")) == ("dog", "none")
    with pytest.raises(KeyError):
        store.pop("cat")
    assert (store.setdefault("foo", "bar"), store.setdefault("foo", "baz")) == ("bar", "bar")
    store.update({"update key": 1})
    assert (list(store.keys()), list(store.values()), list(store.items())) == (
        ["foo", "update key"],
        ["bar", 1],
        [("foo", "bar"), ("update key", 1)],
    )
    assert store.has_key("foo")


def test_pop_of_a_stored_item_is_a_change_and_pop_of_none_is_not() -> None:
    store = again(saved(some=1))
    assert (store.pop("gone", None), store.modified) == (None, False)
    assert (store.pop("some"), store.modified) == (1, True)
    store.save()
    assert values(store) == {}


def test_clear_drops_all_items_and_keeps_the_session(portal: Portal) -> None:
    first = saved(x=1, y=1)
    store = again(first)
    store.clear()
    assert (list(store.items()), store.accessed, store.modified) == ([], True, True)
    store["z"] = 2
    store["x"] = store.get("x", 0) + 5
    store.save()
    assert store.session_key == first.session_key
    assert values(store) == {"z": 2, "x": 5}
    empty = again(first)
    empty.clear()
    empty.save()
    assert values(first) == {}
    assert len(records(portal)) == 1


def test_save_and_load() -> None:
    store = saved(n=1, cart=["A"], user={"name": "Žofie 🦦"})
    assert store.exists(store.session_key or "")
    assert values(store) == {"n": 1, "cart": ["A"], "user": {"name": "Žofie 🦦"}}
    assert SessionStore(store.session_key).load() == values(store)


def test_save_doesnt_clear_data() -> None:
    store = saved(a="b")
    store.save()
    assert store["a"] == "b"
    assert values(store) == {"a": "b"}


def test_the_session_key_is_ours_and_cannot_be_set() -> None:
    store = saved(n=1)
    assert parse_handle(store.session_key or "") is not None
    with pytest.raises(AttributeError):
        store.session_key = "x" * 20  # type: ignore[misc]
    assert SessionStore("short").session_key is None


@pytest.mark.parametrize("key", ["1" * 20, f"{'a' * 43}.{'b' * 43}", "ж" * 50])
def test_a_key_that_opens_nothing_is_not_used_and_loading_it_creates_nothing(key: str, portal: Portal) -> None:
    store = SessionStore(key)
    assert store.load() == {}
    assert (store.session_key, store.lost) == (None, "session.unknown")
    assert not store.exists(key)
    assert records(portal) == []
    store["n"] = 1
    store.save()
    assert key not in str(store.session_key)


def test_a_key_without_its_secret_opens_nothing() -> None:
    store = saved(n=1)
    sid = (store.session_key or "")[:43]
    assert not store.exists(sid)
    assert not store.exists(f"{sid}.{'b' * 43}")


def test_a_session_of_another_realm_is_as_good_as_unknown() -> None:
    store = saved(n=1)
    with override_settings(SOJOURN_REALM="other"):
        assert SessionStore(store.session_key).load() == {}
    assert values(store) == {"n": 1}


def test_create_begins_a_session_at_once_and_with_what_is_there(portal: Portal) -> None:
    store = SessionStore()
    store.create()
    assert store.modified
    assert values(store) == {}
    first = store.session_key
    store["n"] = 1
    store.create()
    assert store.session_key != first
    assert values(store) == {"n": 1}
    assert len(records(portal)) == 2


def test_must_create_never_takes_a_key_that_is_in_use() -> None:
    store = saved(n=1)
    with pytest.raises(CreateError):
        again(store).save(must_create=True)
    chosen = SessionStore("a" * 43 + "." + "b" * 43)
    chosen.save(must_create=True)
    assert chosen.session_key != "a" * 43 + "." + "b" * 43
    assert chosen.exists(chosen.session_key or "")


def test_delete_ends_the_session_for_good() -> None:
    store = saved(n=1)
    store.delete(store.session_key)
    assert not store.exists(store.session_key or "")
    store.delete()
    store.delete("nonsense")
    late = again(store)
    assert (late.load(), late.lost) == ({}, "session.ended")
    SessionStore().delete()


def test_flush_ends_the_session_and_begins_from_nothing(portal: Portal) -> None:
    first = saved(foo="bar")
    store = again(first)
    assert store["foo"] == "bar"
    store.flush()
    assert not store.exists(first.session_key or "")
    assert (store.session_key, store.modified, store.accessed, store.get("foo"), store.is_empty()) == (
        None,
        True,
        True,
        None,
        True,
    )
    store["n"] = 1
    store.save()
    assert store.session_key != first.session_key
    assert len(records(portal)) == 1


def test_cycle_keeps_the_data_and_the_old_key_is_dead_at_once(portal: Portal) -> None:
    first = saved(a=1, b=[1])
    store = again(first)
    store["a"] += 1
    store.cycle_key()
    assert not store.exists(first.session_key or "")
    assert again(first).load() == {}
    store["b"].append(2)
    store.save()
    assert store.session_key != first.session_key
    assert values(store) == {"a": 2, "b": [1, 2]}
    assert len(records(portal)) == 1


def test_cycle_with_no_session_begins_one() -> None:
    store = SessionStore()
    store["a"] = 1
    store.cycle_key()
    store.save()
    assert values(store) == {"a": 1}


def test_cycle_of_a_session_that_ended_meanwhile_is_an_interruption() -> None:
    store = saved(a=1)
    other = again(store)
    assert other["a"] == 1
    store.delete()
    with pytest.raises(SessionInterrupted):
        other.cycle_key()


# --- two requests ---


def test_save_after_delete_raises_and_does_not_resurrect(portal: Portal) -> None:
    first = saved(n=1)
    slow = again(first)
    slow["n"] = 2
    unread = again(first)
    unread.clear()
    again(first).delete()
    for late in (slow, unread):
        with pytest.raises(UpdateError):
            late.save()
    assert records(portal) == []


def test_save_without_a_change_after_delete_raises_too() -> None:
    first = saved(n=1)
    slow = again(first)
    assert slow["n"] == 1
    again(first).delete()
    with pytest.raises(UpdateError):
        slow.save()


def test_save_after_another_request_cycled_the_key_raises_and_writes_nothing() -> None:
    first = saved(n=1)
    slow, login = again(first), again(first)
    slow["n"] += 1
    login.cycle_key()
    with pytest.raises(UpdateError):
        slow.save()
    assert values(login) == {"n": 1}


def test_two_requests_that_change_different_items_both_win() -> None:
    first = saved(a=0, b=0)
    one, two = again(first), again(first)
    one["a"] += 1
    two["b"] += 1
    one.save()
    two.save()
    assert values(first) == {"a": 1, "b": 1}


def test_two_requests_that_change_the_same_item_conflict() -> None:
    first = saved(n=0, other=0)
    one, two = again(first), again(first)
    one["n"] += 1
    two["n"] += 1
    two["other"] = 5
    one.save()
    with pytest.raises(SessionConflict) as caught:
        two.save()
    assert isinstance(caught.value, SessionInterrupted)
    assert (caught.value.name, caught.value.expected, caught.value.found) == ("n", 1, 2)
    assert values(first) == {"n": 1, "other": 0}


def test_lists_that_two_requests_add_to_keep_what_both_added() -> None:
    first = saved(log=["a"])
    one, two = again(first), again(first)
    one["log"].append("b")
    two["log"].append("c")
    one.save()
    two.save()
    two["log"].append("d")
    two.save()
    assert values(first) == {"log": ["a", "b", "c", "d"]}


def test_a_list_that_two_requests_begin_keeps_what_both_added() -> None:
    first = saved(n=0)
    one, two = again(first), again(first)
    one.setdefault("log", []).append("a")
    two.setdefault("log", []).append("b")
    one.save()
    two.save()
    assert values(first) == {"n": 0, "log": ["a", "b"]}


def test_a_change_inside_a_value_is_noticed_without_being_told() -> None:
    store = again(saved(user={"name": "ana"}))
    assert (store["user"]["name"], store.modified) == ("ana", False)
    store["user"]["name"] = "ben"
    assert (store["user"]["name"], store.modified) == ("ben", True)
    store.save()
    assert values(store) == {"user": {"name": "ben"}}


# --- values ---


def test_names_that_are_no_text_become_it_as_json_does() -> None:
    store = saved()
    store[1] = "int"  # type: ignore[index]
    store[True] = "bool"  # type: ignore[index]
    store[None] = "none"  # type: ignore[index]
    store["nested"] = {1: 2}
    assert store[1] == store["1"] == "int"  # type: ignore[index]
    store.save()
    assert values(store) == {"1": "int", "true": "bool", "null": "none", "nested": {"1": 2}}
    with pytest.raises(TypeError):
        store[object()] = 1  # type: ignore[index]


@pytest.mark.parametrize("value", [datetime(2026, 1, 1), {1, 2}, object(), b"x"])  # noqa: DTZ001 - refused anyway
def test_what_djangos_serializer_refuses_is_refused_and_nothing_is_saved(value: Any) -> None:
    store = again(saved(n=1))
    store["n"] = 2
    store["bad"] = value
    with pytest.raises(TypeError):
        store.save()
    assert values(store) == {"n": 1}


# --- limits ---


def idle_of(portal: Portal) -> int:
    (session,) = records(portal)
    return session.idle


def test_a_session_is_dead_when_it_was_idle_too_long(clock: ManualClock) -> None:
    store = saved(n=1)
    clock.advance(20 * MINUTE)
    assert values(store) == {"n": 1}
    clock.advance(30 * MINUTE)
    late = again(store)
    assert (late.load(), late.lost, late.session_key) == ({}, "session.ended", None)


@pytest.mark.parametrize(
    ("age", "expiry", "idle"),
    [
        (14 * 86400, None, 30 * MINUTE),
        (60, None, MINUTE),
        (60, 600, 10 * MINUTE),
        (60, 7 * 3600, 7 * HOUR),
        (60, 14 * 86400, 8 * HOUR),
        (60, 0, MINUTE),
    ],
)
def test_the_idle_limit_is_the_shorter_of_realm_and_cookie_age_and_set_expiry_may_change_it_up_to_the_realms_bound(
    portal: Portal, age: int, expiry: int | None, idle: int
) -> None:
    with override_settings(SESSION_COOKIE_AGE=age):
        store = saved(n=1)
        store.set_expiry(expiry)
        store.save()
        assert idle_of(portal) == idle
        store.cycle_key()
        store.save()
        assert idle_of(portal) == idle
        assert store.get_expiry_age() == (expiry or age)
        assert again(store).get_expire_at_browser_close() is (expiry == 0)


def test_set_expiry_before_the_first_save_holds_from_the_beginning(portal: Portal) -> None:
    store = SessionStore()
    store.set_expiry(120)
    store.save()
    assert idle_of(portal) == 2 * MINUTE
    store.set_expiry(None)
    store.save()
    assert idle_of(portal) == 30 * MINUTE


def test_a_session_that_was_given_an_instant_ends_then(portal: Portal, clock: ManualClock) -> None:
    store = saved(n=1)
    store.set_expiry(
        datetime.fromtimestamp(clock.now() / SECOND, tz=timezone.get_default_timezone()) + timedelta(seconds=60)
    )
    store.save()
    clock.advance(59 * SECOND)
    assert again(store)["n"] == 1
    clock.advance(SECOND)
    late = again(store)
    assert (late.load(), late.lost) == ({}, "session.ended")
    assert records(portal) == []


def test_a_session_whose_expiry_is_past_is_dead() -> None:
    store = saved(n=1)
    store.set_expiry(-300)
    store.save()
    assert again(store).load() == {}


def test_the_test_cookie_works() -> None:
    store = SessionStore()
    store.set_test_cookie()
    store.save()
    later = again(store)
    assert later.test_cookie_worked()
    later.delete_test_cookie()
    later.save()
    assert not again(store).test_cookie_worked()


def test_clearsessions_sweeps_what_is_past_its_limits(portal: Portal, clock: ManualClock) -> None:
    dead, alive = saved(n=1), None
    clock.advance(31 * MINUTE)
    alive = saved(n=2)
    call_command("clearsessions")
    assert values(alive) == {"n": 2}

    async def why(engine: Engine) -> str:
        tombstone = await engine.rules.sessions.why(engine.realm("main"), (dead.session_key or "")[:43])
        return tombstone.end.reason if tombstone else ""

    assert portal.call(why) == "idle"


# --- whose it is ---


def test_the_engine_knows_the_session_as_that_of_djangos_user(portal: Portal) -> None:
    store = saved(n=1)
    before = store.session_key
    store["_auth_user_id"] = "7"
    store.save()
    (session,) = records(portal)
    assert (session.identity.principal, session.identity.subject) == ("x:@django:7", "7")
    assert store.session_key != before
    assert values(store) == {"n": 1, "_auth_user_id": "7"}
    fresh = saved(_auth_user_id="8")
    assert values(fresh) == {"_auth_user_id": "8"}
    assert {session.identity.subject for session in records(portal)} == {"7", "8"}


# --- asynchronous, once through everything ---


def test_the_asynchronous_methods_do_the_same() -> None:
    async def main() -> None:
        store = SessionStore()
        assert await store.aget("n") is None
        await store.aset("n", 1)
        await store.aupdate({"log": []})
        await store.asave()
        assert await store.aexists(store.session_key or "")
        one, two = again(store), again(store)
        assert await one.aload() == {"n": 1, "log": []}
        (await one.aget("log", [])).append("a")
        (await two.aget("log", [])).append("b")
        assert await two.asetdefault("n", 5) == 1
        assert await two.asetdefault("step", 5) == 5
        await asyncio.gather(one.asave(), two.asave())
        assert sorted((await again(store).aload())["log"]) == ["a", "b"]
        one, two = again(store), again(store)
        await one.aset("n", (await one.aget("n", 0)) + 1)
        await two.aset("n", (await two.aget("n", 0)) + 1)
        await one.asave()
        with pytest.raises(SessionConflict):
            await two.asave()
        await one.aset_expiry(300)
        await one.asave()
        old = one.session_key or ""
        await one.acycle_key()
        assert not await one.aexists(old)
        assert (await one.aget("n"), await one.aget_expiry_age()) == (2, 300)
        await again(one).adelete()
        with pytest.raises(UpdateError):
            await one.asave()
        other = SessionStore()
        await other.acreate()
        await other.aset("n", 1)
        await other.aflush()
        assert (other.session_key, await other.aget("n")) == (None, None)
        await SessionStore.aclear_expired()

    asyncio.run(main())


# --- when it cannot work ---


def test_a_store_that_cannot_be_read_is_an_error_and_never_an_empty_session(portal: Portal) -> None:
    store = saved(n=1)

    async def close(engine: Engine) -> None:
        assert isinstance(engine.rules.store, Lifecycle)
        await engine.rules.store.close()

    portal.call(close)
    late = again(store)
    with pytest.raises(StoreUnavailable):
        late.load()
    assert late.session_key == store.session_key
    with pytest.raises(StoreUnavailable):
        store.flush()


@pytest.mark.parametrize("name", ["SOJOURN_PROJECT", "SOJOURN_REALM"])
def test_a_missing_setting_is_named(name: str) -> None:
    with override_settings(**{name: None}), pytest.raises(ImproperlyConfigured, match=name):
        SessionStore("x" * 20).load()


def test_a_realm_whose_sessions_share_their_items_is_refused() -> None:
    with override_settings(SOJOURN_REALM="common"), pytest.raises(ImproperlyConfigured, match="globalSession"):
        saved(n=1)


def test_no_log_line_holds_a_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = saved(n=1)
    key = store.session_key or ""
    store.cycle_key()
    again(store).delete()
    again(store).load()
    SessionStore(key).load()
    assert "session.ended" in caplog.text
    assert key.partition(".")[0] in caplog.text
    for secret in (key, str(store.session_key)):
        assert secret.partition(".")[2] not in caplog.text
        assert encode(secret.partition(".")[2]).decode() not in caplog.text


def test_a_flush_after_another_request_cycled_the_key_is_an_interruption_because_the_session_lives_on(
    portal: Portal,
) -> None:
    first = saved(cat="felix")
    early, late = again(first), again(first)
    assert early["cat"] == "felix"
    first.cycle_key()
    for loser in (early, late):
        with pytest.raises(SessionInterrupted):
            loser.flush()
    assert values(first) == {"cat": "felix"}
    first.flush()
    assert records(portal) == []
