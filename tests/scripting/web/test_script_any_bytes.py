"""Any bytes at a route: a client's mistake is told as one, never as a failure of ours that nobody handled."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http.wire_client import NoAnswer, Pair
from tests.scripting.web.conftest import Site

pytestmark = pytest.mark.anyio

#: Looks at everything that a request has.
LOOK = """
  const all = [request.content, request.contentLength, request.contentType, request.xml, request.params, request.form,
    request.headers, request.httpMessage, request.cookieCount, request.parameterCount, request.pathParams, request.path,
    request.host, request.remoteAddress, request.userAgent, request.isHttps(), request.getCookie(0), request.getParameter(0)];
  for (let i = 0; i < request.cookieCount; i++) all.push(request.getCookieName(i), request.getCookie(i));
  response.setHeader('X-Seen', all.length);
  response.write(JSON.stringify(all));
"""
#: Hands back what it was given, wherever it fits.
ECHO = """
  for (const set of [() => { response.contentType = request.params.type }, () => { response.statusCode = +request.params.status },
    () => response.setHeader(request.params.name, request.params.value), () => response.redirect(request.params.to),
    () => response.setCookie(request.params.name, request.params.value, {path: request.params.to, domain: request.params.value})]) {
    try { set() } catch (error) { if (!error.code) throw error }
  }
  request.params.body
"""
LETTERS = st.characters(min_codepoint=0, max_codepoint=255)
LINE = st.text(LETTERS, max_size=60)
NAMES = st.sampled_from(
    [
        *(
            "authorization",
            "cookie",
            "x-session-id",
            "content-type",
            "content-length",
            "origin",
            "sec-fetch-site",
            "apikey",
        ),
        *(
            "access-control-request-method",
            "access-control-request-headers",
            "accept-encoding",
            "host",
            "transfer-encoding",
        ),
        *("x-forwarded-for", "user-agent", "x-odd", ""),
    ]
)
VALUES = st.one_of(
    LINE,
    st.sampled_from(
        [
            *(
                "Bearer sjt_x",
                "Bearer a.b.c",
                "Basic YTpi",
                "Basic !",
                "sojourn_sid.till=a.b",
                "sojourn_sid.till=; sojourn_sid.till=",
            ),
            *(
                "application/x-www-form-urlencoded",
                "text/xml; charset=utf-7",
                "text/plain; charset=\\x00",
                "127.0.0.1:8420",
            ),
            *("http://127.0.0.1:8420", "null", "same-origin", "POST", "gzip"),
        ]
    ),
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
METHODS = st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE", "GE T", ""])
SUFFIX = st.one_of(
    st.just(""),
    st.text(max_size=30),
    st.sampled_from(["/7", "/..", "//", "/%2e%2e/x", "/1/2", "/\\x00", "?ngin_sid=a"]),
)
MANY = settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def traced(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Tracebacks in the log."""
    found: list[str] = []
    with caplog.at_level(logging.ERROR):
        yield found
    found += [record.getMessage() for record in caplog.records if record.exc_info]
    assert found == []


async def check(site: Site, method: str, path: str, headers: list[Pair], body: bytes) -> None:
    """Whatever is asked is answered, below 500 unless it says 503, in our shape where it is refused."""
    try:
        answer = await site.client.request(method, path, *headers, body=body)
    except NoAnswer:
        return
    assert answer.status < 500 or answer.status == 503, (answer, method, path, headers, body)
    for name, value in answer.headers:
        assert not set(b"\r\n\0") & set(name + value), (name, value)
    if answer.status >= 400 and answer.body:
        assert json.loads(answer.body)["message"]


@pytest.mark.usefixtures("traced")
@MANY
@given(
    method=METHODS,
    suffix=SUFFIX,
    headers=HEADERS,
    body=st.binary(max_size=200),
    realm=st.sampled_from(["api", "till", "desk", "web"]),
)
async def test_no_request_makes_a_failure_that_nobody_handled(
    site: Site, method: str, suffix: str, headers: list[Pair], body: bytes, *, realm: str
) -> None:
    await check(site, method, looking(site, realm) + suffix, headers, body)


@pytest.mark.soak
@pytest.mark.usefixtures("traced")
@settings(MANY, max_examples=2_000)
@given(method=METHODS, suffix=SUFFIX, headers=HEADERS, body=st.binary(max_size=2_000))
async def test_thousands_of_requests_make_none_either(
    site: Site, method: str, suffix: str, headers: list[Pair], body: bytes
) -> None:
    await check(site, method, looking(site, "till") + suffix, headers, body)


@pytest.mark.usefixtures("traced")
@MANY
@given(suffix=SUFFIX, headers=HEADERS, body=st.binary(max_size=100))
async def test_no_credential_makes_one_either(site: Site, suffix: str, headers: list[Pair], body: bytes) -> None:
    await check(site, "POST", guarded(site) + suffix, headers, body)


@pytest.mark.usefixtures("traced")
@MANY
@given(parts=st.lists(st.tuples(st.sampled_from(["type", "status", "name", "value", "to", "body"]), LINE), max_size=6))
async def test_what_a_script_hands_back_cannot_break_out(site: Site, parts: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}=" + "".join(f"%{octet:02x}" for octet in value.encode()) for name, value in parts)
    await check(site, "GET", f"{echoing(site)}?{query}", [], b"")


_paths: dict[tuple[int, str], str] = {}


def looking(site: Site, realm: str) -> str:
    return _once(site, f"look {realm}", LOOK, realm=realm, under="/*rest", method=["GET", "POST", "PUT"])


def guarded(site: Site) -> str:
    return _once(site, "guarded", LOOK, realm="desk", requiresAuth=True, scope="a +b", under="/:n<number>")


def echoing(site: Site) -> str:
    return _once(site, "echo", ECHO)


def _once(site: Site, name: str, code: str, **route: object) -> str:
    key = (id(site), name)
    if key not in _paths:
        _paths[key] = site.route(code, **route)
    return _paths[key]
