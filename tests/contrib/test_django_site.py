"""Our engine under Django's own session, CSRF, message and authentication middleware, through its test clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages, success
from django.core.management import call_command
from django.db import connections
from django.http import HttpRequest
from django.test import AsyncClient, Client, override_settings

from sojourn.bootstrap import Engine
from sojourn.contrib.portal import Portal
from sojourn.model.session import Session
from tests.contrib.django_settings import DATABASE
from tests.contrib.django_site import AWORK, WORK

GOOD = {"username": "ana", "password": "seven quiet otters"}


@pytest.fixture(scope="module", autouse=True)
def tables() -> Iterator[None]:
    call_command("migrate", verbosity=0, run_syncdb=True)
    yield
    connections.close_all()
    DATABASE.unlink()


@pytest.fixture(autouse=True)
def site_of_this_test(portal: Portal) -> Iterator[None]:
    User.objects.all().delete()
    for name in ("ana", "ben"):
        User.objects.create_user(name, password=GOOD["password"])
    with override_settings(SOJOURN_PROJECT=portal):
        yield
    WORK.clear()
    AWORK.clear()


def do(client: Client, act: Callable[[HttpRequest], Any], status: int = 200) -> Any:
    """One request of ``client`` in which ``act`` runs."""
    name = str(len(WORK))
    WORK[name] = act
    answer = client.get(f"/notes/{name}", {"status": status})
    return answer.json()["value"] if answer.status_code == 200 else answer


def post(client: Client, path: str, body: Any = None) -> int:
    return client.post(path, body, content_type="application/json").status_code


def key_of(client: Client) -> str:
    return str(client.cookies["sessionid"].value)


def beside(client: Client) -> Client:
    """A second browser with a copy of the first one's cookies."""
    other = Client()
    other.cookies.load(client.cookies.output(header="", sep=";"))
    return other


def records(portal: Portal) -> list[Session]:
    async def listed(engine: Engine) -> list[Session]:
        return list(await engine.rules.sessions.list(engine.realm("main")))

    return portal.call(listed)


def test_a_visit_begins_no_session_and_sets_no_cookie(portal: Portal) -> None:
    client = Client()
    assert do(client, lambda request: request.session.get("n", 7)) == 7
    assert "sessionid" not in client.cookies
    assert records(portal) == []


def test_what_a_request_sets_the_next_one_finds() -> None:
    client = Client()
    do(client, lambda request: request.session.update({"cart": ["A"]}))
    cookie = client.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    do(client, lambda request: request.session["cart"].append("B"))
    assert do(client, lambda request: request.session["cart"]) == ["A", "B"]


def test_an_answer_of_500_saves_nothing() -> None:
    client = Client(raise_request_exception=False)
    do(client, lambda request: request.session.update({"n": 1}))
    do(client, lambda request: request.session.update({"n": 2}), status=500)
    assert do(client, lambda request: request.session["n"]) == 1


def test_login_gives_a_new_key_and_keeps_the_items_and_logout_is_final(portal: Portal) -> None:
    client = Client()
    do(client, lambda request: request.session.update({"cart": ["A"]}))
    before = beside(client)
    assert post(client, "/login", {**GOOD, "password": "wrong"}) == 401
    assert post(client, "/login", GOOD) == 204
    assert key_of(client) != key_of(before)
    assert client.get("/who").json() == {"name": "ana"}
    assert before.get("/who").status_code == 302
    assert do(client, lambda request: request.session["cart"]) == ["A"]
    (session,) = records(portal)
    assert session.identity.subject == str(User.objects.get(username="ana").pk)
    copy = beside(client)
    assert post(client, "/logout") == 204
    assert key_of(client) == ""
    assert copy.get("/who").status_code == 302
    assert records(portal) == []


def test_login_as_another_user_begins_from_nothing(portal: Portal) -> None:
    client = Client()
    assert post(client, "/login", GOOD) == 204
    do(client, lambda request: request.session.update({"secret": 1}))
    assert post(client, "/login", {**GOOD, "username": "ben"}) == 204
    assert client.get("/who").json() == {"name": "ben"}
    assert do(client, lambda request: request.session.get("secret")) is None
    assert len(records(portal)) == 1


def test_a_password_change_keeps_this_session_and_kills_the_others() -> None:
    client, other = Client(), Client()
    for browser in (client, other):
        assert post(browser, "/login", GOOD) == 204
    copy = beside(client)
    assert post(client, "/password") == 204
    assert client.get("/who").json() == {"name": "ana"}
    assert copy.get("/who").status_code == 302
    assert other.get("/who").status_code == 302


def test_force_login_and_the_session_of_the_test_client_work() -> None:
    client = Client()
    client.force_login(User.objects.get(username="ana"))
    session = client.session
    session["n"] = 1
    session.save()
    assert client.get("/who").json() == {"name": "ana"}
    assert do(client, lambda request: request.session["n"]) == 1
    client.logout()
    assert client.get("/who").status_code == 302


def test_messages_kept_in_the_session_arrive_once() -> None:
    client = Client()

    def say(request: HttpRequest) -> None:
        success(request, "saved")

    do(client, say)
    assert do(client, lambda request: [str(message) for message in get_messages(request)]) == ["saved"]
    assert do(client, lambda request: [str(message) for message in get_messages(request)]) == []


def test_csrf_tokens_kept_in_the_session_work() -> None:
    with override_settings(CSRF_USE_SESSIONS=True):
        from django.middleware.csrf import get_token

        client = Client(enforce_csrf_checks=True)
        token = do(client, get_token)
        assert post(client, "/logout") == 403
        headers = {"x-csrftoken": token}
        assert client.post("/login", GOOD, content_type="application/json", headers=headers).status_code == 204
        assert client.post("/logout", headers=headers).status_code == 403
        token = do(client, get_token)
        assert client.post("/logout", headers={"x-csrftoken": token}).status_code == 204


def test_a_session_that_ends_during_a_request_interrupts_it_and_stays_dead(portal: Portal) -> None:
    client = Client()
    assert post(client, "/login", GOOD) == 204
    copy = beside(client)

    def slow(request: HttpRequest) -> None:
        request.session["n"] = 1
        assert post(copy, "/logout") == 204

    answer = do(client, slow)
    assert (answer.status_code, answer.content) == (400, b"SessionInterrupted")
    assert records(portal) == []


def test_a_conflict_is_answered_and_never_silence() -> None:
    client = Client()
    do(client, lambda request: request.session.update({"n": 1}))
    copy = beside(client)

    def count(request: HttpRequest) -> None:
        request.session["n"] += 1

    def slow(request: HttpRequest) -> None:
        count(request)
        do(copy, count)

    answer = do(client, slow)
    assert (answer.status_code, answer.content) == (409, b"SessionConflict")
    assert do(client, lambda request: request.session["n"]) == 2


def test_requests_of_many_threads_lose_nothing() -> None:
    client = Client()
    do(client, lambda request: request.session.update({"log": []}))
    met = threading.Barrier(8)
    WORK["add"] = _adding(met)
    statuses: list[int] = []

    def run(browser: Client, number: int) -> None:
        statuses.append(browser.get("/notes/add", {"number": number}).status_code)

    threads = [threading.Thread(target=run, args=(beside(client), number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 8
    items = do(client, lambda request: dict(request.session.items()))
    assert sorted(items.pop("log")) == list(range(8))
    assert items == {f"f{number}": number for number in range(8)}


def _adding(met: threading.Barrier) -> Callable[[HttpRequest], None]:
    def add(request: HttpRequest) -> None:
        number = int(request.GET["number"])
        request.session["log"].append(number)
        met.wait(20)
        request.session[f"f{number}"] = number

    return add


def test_the_asynchronous_client_and_views_work_alike(portal: Portal) -> None:
    async def main() -> None:
        client = AsyncClient()

        async def fill(request: HttpRequest) -> None:
            await request.session.aset("cart", ["A"])

        async def cart(request: HttpRequest) -> Any:
            return await request.session.aget("cart")

        AWORK.update(fill=fill, cart=cart)
        await client.get("/awork/fill")
        before = client.cookies["sessionid"].value
        answer = await client.post("/alogin", GOOD, content_type="application/json")
        assert answer.status_code == 204
        assert client.cookies["sessionid"].value != before
        assert (await client.get("/awho")).json() == {"name": "ana"}
        assert (await client.get("/awork/cart")).json() == {"value": ["A"]}
        assert len(records(portal)) == 1
        answers = await asyncio.gather(*(client.get("/awork/cart") for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert (await client.post("/alogout")).status_code == 204
        assert (await client.get("/awho")).json() == {"name": ""}

    asyncio.run(main())
    assert records(portal) == []
