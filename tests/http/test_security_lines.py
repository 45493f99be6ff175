"""The lines of ``security.md`` §1 that can be seen over HTTP, each as a row; the statement is in the name of the row."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from msgspec.structs import force_setattr

from sojourn.admin.application import admin_application
from sojourn.bootstrap import Engine
from sojourn.http.application import Application
from tests.http.conftest import GOOD, PASSWORD, bearer
from tests.http.wire_client import Answer, Client, Pair, cookie_of

pytestmark = pytest.mark.anyio

OURS: Pair = ("sec-fetch-site", "same-origin")
JSON: Pair = ("content-type", "application/json")
OWN_ORIGIN = "http://127.0.0.1:8420"


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@pytest.fixture
async def cookie(client: Client) -> Pair:
    """A live session of realm web."""
    return cookie_of(await client.post("/realms/web/login", value=GOOD))


@pytest.fixture
def https(engine: Engine) -> Client:
    """A client of the engine behind a listed proxy with HTTPS."""
    server = engine.rules.settings.server
    force_setattr(server, "public_url", "https://shop.example.com")
    force_setattr(server, "trusted_proxies", ("10.0.0.0/8",))
    return Client(engine.application(), host="shop.example.com", server=("10.0.0.1", 8420), peer="10.0.0.9")


PROXIED: tuple[Pair, ...] = (("x-forwarded-proto", "https"), ("x-forwarded-for", "203.0.113.5"))

# --- Identifiers ---


@pytest.mark.parametrize(
    "shown",
    ["nonsense", "", "x" * 43, f"{'x' * 43}.{'y' * 43}", f"{'x' * 43}.{'y' * 44}", f" {'x' * 43}.{'y' * 43}", "%61.b"],
)
async def test_an_unknown_secret_is_never_adopted_and_never_answered_with_a_cookie(client: Client, shown: str) -> None:
    for path in ("session", "sessions", "logout"):
        method = "POST" if path == "logout" else "GET"
        answer = await client.request(method, f"/realms/web/{path}", ("cookie", f"sojourn_sid.web={shown}"), OURS)
        assert (answer.status, answer.cookies) == (401, [])
    login = await client.post("/realms/web/login", ("cookie", f"sojourn_sid.web={shown}"), value=GOOD)
    assert login.status == 200
    assert shown not in cookie_of(login)[1] or not shown


async def test_a_replaced_secret_is_recognised_and_not_answered_with_a_cookie(client: Client, cookie: Pair) -> None:
    assert (await client.post("/realms/web/login", cookie, OURS, value=GOOD)).status == 200
    answer = await client.get("/realms/web/session", cookie)
    assert (answer.status, answer.json()["code"], answer.cookies) == (401, "session.replaced", [])


async def test_a_visit_makes_no_session(client: Client) -> None:
    for path in ("/realms/web/session", "/realms/web/.well-known/jwks.json", "/health/live"):
        assert not any("sojourn_sid" in text for text in (await client.get(path)).cookies)


# --- One authority ---


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (("bearer",), 200),
        (("bearer", "cookie"), 200),
        (("bearer", "bearer"), 400),
        (("bearer", "other cookie"), 400),
        (("bad bearer", "cookie"), 401),
        (("basic", "cookie"), 401),
        (("cookie", "cookie"), 401),
        (("cookie", "alike"), 401),
    ],
)
async def test_one_authority_a_request(client: Client, cookie: Pair, headers: tuple[str, ...], status: int) -> None:
    other = await client.post("/realms/web/login", value={"userName": "ben", "password": PASSWORD})
    pairs: Mapping[str, Pair] = {
        "bearer": await bearer(client, "ana", "web"),
        "cookie": cookie,
        "other cookie": cookie_of(other),
        "bad bearer": ("authorization", "Bearer x.y.z"),
        "basic": ("authorization", "Basic eDp5"),
        "alike": ("cookie", cookie[1].replace("sojourn_sid", "Sojourn_Sid")),
    }
    answer = await client.get("/realms/web/session", *(pairs[name] for name in headers))
    assert answer.status == status


# --- Cookies ---


async def test_cookies_on_https_and_on_loopback(client: Client, https: Client) -> None:
    plain = cookie_of(await client.post("/realms/web/login", value=GOOD))
    assert plain[1].startswith("sojourn_sid.web=")
    answer = await https.post("/realms/web/login", *PROXIED, value=GOOD)
    (text,) = [text for text in answer.cookies if "sojourn_sid" in text]
    name, *attributes = text.split("; ")
    assert name.startswith("__Host-sojourn_sid.web=")
    assert set(attributes) == {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"}
    assert len(name) <= 4_096
    # Only the name that fits the scheme is ever read.
    wrong = ("cookie", name.removeprefix("__Host-"))
    assert (await https.get("/realms/web/session", *PROXIED, wrong)).status == 401
    assert (await https.get("/realms/web/session", *PROXIED, ("cookie", name))).status == 200


async def test_no_session_cookie_without_secure_off_loopback(https: Client) -> None:
    answer = await https.post("/realms/web/login", ("x-forwarded-for", "203.0.113.5"), value=GOOD)
    assert (answer.status, answer.cookies) == (500, [])
    assert answer.json()["code"] == "request.insecure_cookie"


# --- Cross-site requests ---

#: What comes with the request -> does an unsafe one with the cookie go through?
SENDERS: dict[str, tuple[tuple[Pair, ...], bool]] = {
    "same-origin": ((OURS,), True),
    "none": ((("sec-fetch-site", "none"),), True),
    "same-site": ((("sec-fetch-site", "same-site"), JSON), False),
    "cross-site": ((("sec-fetch-site", "cross-site"), JSON), False),
    "an unknown value": ((("sec-fetch-site", "SAME-ORIGIN"), JSON), False),
    "Sec-Fetch-Site twice": ((OURS, ("sec-fetch-site", "cross-site")), False),
    "cross-site with our Origin": ((("sec-fetch-site", "cross-site"), ("origin", OWN_ORIGIN)), False),
    "same-origin with a foreign Origin": ((OURS, ("origin", "https://evil.example")), True),
    "our Origin": ((("origin", OWN_ORIGIN),), True),
    "a foreign Origin": ((("origin", "https://evil.example"), JSON), False),
    "our Origin with another port": ((("origin", "http://127.0.0.1:8421"), JSON), False),
    "our Origin by HTTPS": ((("origin", "https://127.0.0.1:8420"), JSON), False),
    "Origin null": ((("origin", "null"), JSON), False),
    "neither, as JSON": ((JSON,), True),
    "neither, with a header of scripts": ((("x-requested-with", "fetch"),), True),
    "neither, as a form": ((("content-type", "application/x-www-form-urlencoded"),), False),
    "neither, as text": ((("content-type", "text/plain; charset=application/json"),), False),
    "nothing at all": ((), False),
}


@pytest.mark.parametrize("sender", SENDERS)
async def test_what_a_cookie_authenticates_is_for_our_own_pages(client: Client, cookie: Pair, sender: str) -> None:
    headers, ours = SENDERS[sender]
    # A safe request gets its session, read-only where it is foreign.
    assert (await client.get("/realms/web/session", cookie, *headers)).status == 200
    answer = await client.request("POST", "/realms/web/logout", cookie, *headers)
    assert answer.status == (200 if ours else 403)
    assert (await client.get("/realms/web/session", cookie)).status == (401 if ours else 200)


@pytest.mark.parametrize("sender", [name for name, (_, ours) in SENDERS.items() if not ours])
async def test_what_a_login_would_set_is_for_our_own_pages_too(client: Client, sender: str) -> None:
    headers = [pair for pair in SENDERS[sender][0] if pair[0] != "content-type"]
    if not headers:
        return
    answer = await client.post("/realms/web/login", *headers, value=GOOD)
    assert (answer.status, answer.cookies) == (403, [])


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json"]
)
async def test_login_and_logout_take_json_only(client: Client, cookie: Pair, kind: str) -> None:
    body = json.dumps(GOOD)
    for path in ("login", "logout"):
        answer = await client.request(
            "POST",
            f"/realms/web/{path}",
            OURS,
            ("content-type", kind),
            *((cookie,) if path == "logout" else ()),
            body=body,
        )
        assert answer.status == 415
    empty = await client.request("POST", "/realms/web/logout", OURS, cookie)
    assert empty.status == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", OWN_ORIGIN])
async def test_cors_never_combines_credentials_with_an_origin(client: Client, cookie: Pair, origin: str) -> None:
    asked = (("origin", origin), ("access-control-request-method", "POST"))
    for answer in (
        await client.get("/realms/web/session", cookie, ("origin", origin)),
        await client.request("OPTIONS", "/realms/web/logout", cookie, *asked),
    ):
        assert answer.all("access-control-allow-origin") == []
        assert answer.all("access-control-allow-credentials") == []


# --- Host and proxies ---


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 200),
        ((("host", "localhost:8420"),), 200),
        ((("host", "[::1]:8420"),), 200),
        ((("host", "evil.example"),), 421),
        ((("host", "127.0.0.1:8421"),), 421),
        ((("host", "127.0.0.1.evil.example:8420"),), 421),
        ((("x-forwarded-for", "203.0.113.5"),), 400),
        ((("x-forwarded-proto", "https"),), 400),
        ((("x-forwarded-host", "evil.example"),), 400),
        ((("forwarded", "for=203.0.113.5"),), 400),
    ],
)
async def test_hosts_and_forgotten_proxies_on_loopback(client: Client, headers: tuple[Pair, ...], status: int) -> None:
    answer = await client.get("/health/live", *headers)
    assert answer.status == status
    if status == 400:
        assert "trustedProxies" in answer.json()["message"]


async def test_forwarding_headers_of_an_unlisted_peer_do_not_count(engine: Engine, https: Client) -> None:
    app = engine.application()
    stranger = Client(app, host="shop.example.com", server=("10.0.0.1", 8420), peer="198.51.100.7")
    answer = await stranger.post("/realms/acme/login", ("x-forwarded-for", "127.0.0.1"), value=GOOD)
    mine = ("authorization", f"Bearer {answer.json()['token']}")
    listed = (await stranger.get("/realms/acme/sessions", mine)).json()["sessions"]
    assert [one["address"] for one in listed] == ["198.51.100.7"]
    told = await https.post("/realms/acme/login", *PROXIED, value=GOOD)
    other = ("authorization", f"Bearer {told.json()['token']}")
    listed = (await https.get("/realms/acme/sessions", *PROXIED, other)).json()["sessions"]
    assert "203.0.113.5" in {one["address"] for one in listed}
    # A client cannot add hops before the last one.
    longer = ("x-forwarded-for", "127.0.0.1, 203.0.113.6")
    told = await https.post("/realms/acme/login", ("x-forwarded-proto", "https"), longer, value=GOOD)
    assert told.status == 200
    listed = (await https.get("/realms/acme/sessions", *PROXIED, other)).json()["sessions"]
    assert {one["address"] for one in listed} == {"198.51.100.7", "203.0.113.5", "203.0.113.6"}


# --- Headers ---


async def every(client: Client, cookie: Pair, *more: Pair) -> dict[str, Answer]:
    """An answer of each kind."""
    return {
        "live": await client.get("/health/live", *more),
        "not found": await client.get("/", *more),
        "not allowed": await client.get("/realms/web/login", *more),
        "refused": await client.get("/realms/web/session", *more),
        "keys": await client.get("/realms/web/.well-known/jwks.json", *more),
        "who": await client.get("/realms/web/session", cookie, *more),
        "sessions": await client.get("/realms/web/sessions", cookie, *more),
        "login": await client.post("/realms/web/login", *more, value=GOOD),
        "wrong": await client.post("/realms/web/login", *more, value={**GOOD, "password": "w" * 20}),
        "bad": await client.request("POST", "/realms/web/login", *more, JSON, body="{"),
        "misdirected": await client.get("/health/live", ("host", "evil.example")),
    }


async def test_every_answer_has_the_headers_that_protect(client: Client, cookie: Pair) -> None:
    for name, answer in (await every(client, cookie)).items():
        assert answer.header("x-content-type-options") == "nosniff", name
        assert answer.header("referrer-policy") == "same-origin", name
        policy = answer.header("content-security-policy")
        for part in ("frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"):
            assert part in policy, name
        assert answer.header("strict-transport-security") == "", name
        assert answer.header("cache-control") == ("public, max-age=300" if name == "keys" else "no-store"), name


async def test_every_answer_by_https_has_hsts(https: Client) -> None:
    login = await https.post("/realms/web/login", *PROXIED, value=GOOD)
    shown = ("cookie", next(text for text in login.cookies if "sojourn_sid" in text).partition(";")[0])
    for name, answer in (await every(https, shown, *PROXIED)).items():
        if name != "misdirected":
            assert answer.header("strict-transport-security") == "max-age=31536000", name


async def test_a_logout_clears_the_cache_and_expires_our_cookie_by_name(client: Client, cookie: Pair) -> None:
    answer = await client.post("/realms/web/logout", cookie, OURS)
    assert answer.header("clear-site-data") == '"cache"'
    (gone,) = answer.cookies
    name, *attributes = gone.split("; ")
    assert name == "sojourn_sid.web="
    assert {"Path=/", "Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"} <= set(attributes)


# --- Origins: operators ---


@pytest.fixture
async def operators(engine: Engine) -> Client:
    """The admin listener behind a proxy with HTTPS, under a host name of its own; ola is an operator."""
    force_setattr(engine.rules.settings.admin, "public_url", "https://ops.example.com")
    force_setattr(engine.rules.settings.server, "trusted_proxies", ("10.0.0.0/8",))
    await engine.rules.users.add("main", "ola", PASSWORD)
    await engine.rules.grants.grant("ola", "engine.viewSessions", "*")
    app = admin_application(engine.rules, engine.application(), engine.changes)
    return Client(app, host="ops.example.com", server=("10.0.0.1", 8421), peer="10.0.0.9")


OPERATOR = {"userName": "ola", "password": PASSWORD}


async def test_operators_log_in_behind_a_proxy_with_a_cookie_of_their_own(operators: Client) -> None:
    login = await operators.post("/api/v1/login", *PROXIED, value=OPERATOR)
    assert login.status == 200, login
    (text,) = [text for text in login.cookies if "sojourn_admin" in text]
    name, *attributes = text.split("; ")
    assert name.startswith("__Host-sojourn_admin=")
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(attributes)
    shown = ("cookie", name)
    me = await operators.get("/api/v1/me", *PROXIED, shown)
    assert me.status == 200
    for answer in (login, me, await operators.get("/nothing", *PROXIED)):
        assert answer.header("cross-origin-opener-policy") == "same-origin"
        assert answer.header("strict-transport-security") == "max-age=31536000"
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control") == "no-store"
    foreign = await operators.post("/api/v1/logout", *PROXIED, shown, ("sec-fetch-site", "same-site"))
    assert foreign.status == 403
    own = await operators.post("/api/v1/logout", *PROXIED, shown, ("origin", "https://ops.example.com"))
    assert own.status == 200
    assert own.header("clear-site-data") == '"cache"'


async def test_operators_without_https_get_no_cookie_and_only_their_host_is_answered(
    operators: Client, engine: Engine
) -> None:
    plain = await operators.post("/api/v1/login", ("x-forwarded-for", "203.0.113.5"), value=OPERATOR)
    assert (plain.status, plain.json()["code"], plain.cookies) == (500, "request.insecure_cookie", [])
    assert (await operators.get("/api/v1/me", *PROXIED, ("host", "shop.example.com"))).status == 421
    app = admin_application(engine.rules, engine.application(), engine.changes)
    stranger = Client(app, host="ops.example.com", server=("10.0.0.1", 8421), peer="198.51.100.7")
    assert (await stranger.post("/api/v1/login", *PROXIED, value=OPERATOR)).status == 500


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/openapi.json", "/console", "/metrics"])
async def test_the_application_listener_knows_nothing_of_operators(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_the_cookie_of_operators_opens_nothing_here(app: Application, operators: Client) -> None:
    login = await operators.post("/api/v1/login", *PROXIED, value=OPERATOR)
    value = next(text for text in login.cookies if "sojourn_admin" in text).partition("=")[2].partition(";")[0]
    client = Client(app)
    for name in ("sojourn_admin", "__Host-sojourn_admin", "sojourn_sid.web", "sojourn_sid.~operators"):
        assert (await client.get("/realms/web/session", ("cookie", f"{name}={value}"))).status == 401
