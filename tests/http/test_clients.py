"""The cookies that name a device and a run of the engine: client tracking and affinity."""

from __future__ import annotations

import base64
import hashlib

import pytest

from sojourn.bootstrap import Engine
from sojourn.http.affinity import ServerId
from sojourn.http.application import Application
from sojourn.http.origin import Origins
from sojourn.http.wire import Head
from tests.http.conftest import GOOD, PASSWORD
from tests.http.wire_client import Answer, Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

NAME = "sojourn_cid.known"


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


def named(answer: Answer, name: str) -> list[str]:
    """The cookies of that name that an answer sets."""
    return [cookie for cookie in answer.cookies if cookie.partition("=")[0] == name]


def pair_of(cookie: str) -> Pair:
    return ("cookie", cookie.partition(";")[0])


def id_of(cookie: str) -> str:
    value = cookie.partition(";")[0].partition("=")[2]
    return base64.urlsafe_b64encode(hashlib.sha256(value.encode()).digest()).rstrip(b"=").decode()


# --- clients ---


async def test_the_first_answer_names_the_device_and_later_ones_leave_the_name_alone(client: Client) -> None:
    first = await client.get("/realms/known/session")
    (cookie,) = named(first, NAME)
    assert cookie.endswith("; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax")
    assert len(cookie.partition(";")[0].partition("=")[2]) == 43
    assert first.header("cache-control") == "no-store"
    again = await client.get("/realms/known/session", pair_of(cookie))
    assert again.cookies == []


async def test_21_34_two_devices_have_two_names(client: Client) -> None:
    one, two = [named(await client.get("/realms/known/session"), NAME)[0] for _ in range(2)]
    assert pair_of(one) != pair_of(two)


async def test_on_https_the_cookie_is_secure_and_keeps_its_name(app: Application) -> None:
    (cookie,) = named(await Client(app, scheme="https").get("/realms/known/session"), NAME)
    assert cookie.endswith("; HttpOnly; SameSite=Lax; Secure")


async def test_the_session_knows_the_hash_of_the_cookie_and_never_its_value(client: Client, engine: Engine) -> None:
    login = await client.post("/realms/known/login", value=GOOD)
    (device,), (session,) = named(login, NAME), named(login, "sojourn_sid.known")
    both = ("cookie", f"{pair_of(device)[1]}; {pair_of(session)[1]}")
    who = await client.get("/realms/known/session", both)
    assert who.json()["clientId"] == id_of(device)
    (stored,) = await engine.rules.sessions.list(engine.realm("known"))
    assert stored.device.client == id_of(device)
    value = pair_of(device)[1].partition("=")[2]
    assert value.encode() not in who.body
    assert value not in repr(stored)


async def test_21_34_a_login_from_a_known_device_carries_its_name(client: Client) -> None:
    (device,) = named(await client.get("/realms/known/session"), NAME)
    login = await client.post("/realms/known/login", pair_of(device), value=GOOD)
    assert named(login, NAME) == []
    own = ("authorization", f"Bearer {login.json()['token']}")
    assert (await client.get("/realms/known/session", own)).json()["clientId"] == id_of(device)


async def test_21_34_realms_without_client_tracking_name_nobody(client: Client) -> None:
    login = await client.post("/realms/web/login", value=GOOD)
    assert [cookie.partition("=")[0] for cookie in login.cookies] == ["sojourn_sid.web"]
    assert (await client.get("/realms/web/session", cookie_of(login))).json()["clientId"] is None


async def test_a_value_that_is_none_of_ours_is_replaced(client: Client) -> None:
    for value in ("", "x", "a" * 42, "a" * 44, "a" * 42 + "%", "a" * 42 + " "):
        answer = await client.get("/realms/known/session", ("cookie", f"{NAME}={value}"))
        assert len(named(answer, NAME)) == 1, value


@pytest.mark.parametrize(
    "header", [f"{NAME}={'a' * 43}; {NAME}={'b' * 43}", f"{NAME}={'a' * 43}; sojourn%5fcid.known={'b' * 43}"]
)
async def test_where_it_is_not_certain_which_one_is_ours_there_is_no_client(
    client: Client, engine: Engine, header: str
) -> None:
    login = await client.post("/realms/known/login", ("cookie", header), value=GOOD)
    assert login.status == 200
    assert named(login, NAME) == []
    (stored,) = await engine.rules.sessions.list(engine.realm("known"))
    assert stored.device.client == ""
    assert any("cookie.ambiguous" in event.detail for event in await engine.rules.audit.recent())


async def test_the_pages_of_another_site_cannot_replace_the_name_of_a_device(client: Client) -> None:
    site, mode = "sec-fetch-site", "sec-fetch-mode"
    ours: list[list[Pair]] = [
        [],
        [(site, "same-origin")],
        [(site, "none")],
        [(site, "cross-site"), (mode, "navigate")],
    ]
    foreign: list[list[Pair]] = [
        [(site, "cross-site"), (mode, "no-cors")],
        [(site, "same-site"), (mode, "cors")],
        [("origin", "https://evil.example")],
    ]
    for headers in ours + foreign:
        answer = await client.get("/realms/known/session", *headers)
        assert len(named(answer, NAME)) == (headers in ours), headers


async def test_a_form_of_another_site_cannot_either(client: Client) -> None:
    foreign = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]
    answer = await client.request("POST", "/realms/known/login", *foreign, body="x")
    assert (answer.status, answer.cookies) == (403, [])


async def test_off_loopback_without_https_no_device_is_named(engine: Engine) -> None:
    far = Client(engine.application(), server=("192.0.2.1", 8420), peer="203.0.113.7", host="127.0.0.1:8420")
    assert (await far.get("/realms/known/session")).cookies == []


async def test_an_answer_that_caches_share_sets_no_cookie(client: Client) -> None:
    for realm in ("known", "till"):
        answer = await client.get(f"/realms/{realm}/.well-known/jwks.json")
        assert (answer.status, answer.cookies) == (200, [])
        assert answer.header("cache-control").startswith("public")


# --- affinity ---


async def test_a_stateful_realm_gets_the_value_of_this_run_once(client: Client) -> None:
    first = await client.post("/realms/desk/login", value=GOOD)
    (cookie,) = named(first, "serverId")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    again = await client.get("/realms/desk/session", ("cookie", f"theme=dark; {pair_of(cookie)[1]}; x=1"))
    assert named(again, "serverId") == []
    stale = await client.get("/realms/desk/session", ("cookie", "serverId=of-another-run"))
    assert named(stale, "serverId") == [cookie]
    assert stale.header("cache-control") == "no-store"


async def test_stateless_realms_have_no_affinity(client: Client) -> None:
    assert named(await client.post("/realms/web/login", value=GOOD), "serverId") == []


async def test_a_new_run_has_a_new_value_and_all_processes_of_one_run_the_same(engine: Engine) -> None:
    async def value(app: Application) -> str:
        return named(await Client(app).get("/realms/till/session"), "serverId")[0]

    assert await value(engine.application()) != await value(engine.application())
    one_run = ServerId()
    assert await value(engine.application(one_run)) == await value(engine.application(one_run))


async def test_on_https_the_affinity_is_secure_and_cross_site_where_the_realm_says_so(app: Application) -> None:
    secure = Client(app, scheme="https")
    (lax,) = named(await secure.get("/realms/till/session"), "serverId")
    assert lax.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    for client in (secure, Client(app)):
        (none,) = named(await client.get("/realms/portal/session"), "serverId")
        assert none.endswith("; Path=/; HttpOnly; SameSite=None; Secure")


async def test_a_realm_of_cross_site_clients_never_takes_a_cookie_as_identity(client: Client) -> None:
    login = await client.post("/realms/portal/login", value=GOOD)
    assert [cookie.partition("=")[0] for cookie in login.cookies] == ["serverId"]
    assert login.header("x-session-id") == ""
    made = (await client.post("/realms/till/login", value=GOOD)).cookies[0]
    value = pair_of(made)[1].partition("=")[2]
    for name in ("sojourn_sid.portal", "sojourn_sid.till"):
        assert (await client.get("/realms/portal/session", ("cookie", f"{name}={value}"))).status == 401
    own = ("authorization", f"Bearer {login.json()['token']}")
    assert (await client.get("/realms/portal/session", own)).status == 200


async def test_the_cookie_can_be_taken_away_so_that_the_balancer_chooses_anew(engine: Engine, app: Application) -> None:
    origins = Origins("http://127.0.0.1:8420", ())
    scope = {"scheme": "http", "server": ("127.0.0.1", 8420), "client": ("127.0.0.1", 1)}
    arrival = origins.arrival(scope, Head([(b"host", b"127.0.0.1:8420")]))
    (gone,) = app.server_id.clear(engine.realm("till"), arrival, origins)
    assert gone[1].startswith(b"serverId=; Max-Age=0;")
    assert gone[1].endswith(b"; Path=/; HttpOnly; SameSite=Lax")
    (fresh,) = app.server_id.update(engine.realm("till"), arrival, origins)
    assert fresh[1].startswith(b"serverId=")
    assert b"Max-Age" not in fresh[1]


async def test_neither_cookie_logs_anybody_in(client: Client) -> None:
    login = await client.post("/realms/known/login", value={"userName": "ana", "password": PASSWORD})
    (device,) = named(login, NAME)
    assert (await client.get("/realms/known/session", pair_of(device))).status == 401
