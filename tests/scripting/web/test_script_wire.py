"""What of an answer goes over the wire, and which requests get one: headers, active content, methods, sizes, origins."""

from __future__ import annotations

import gzip

import pytest

from tests.scripting.web.conftest import OURS, Site, told

pytestmark = pytest.mark.anyio

# --- headers ---


async def test_redirects_and_cookies_and_headers_go_out(site: Site) -> None:
    answer = await site.get(
        site.route(
            """
            response.setCookie('theme', 'dark', {httpOnly: false, expires: new Date(0)});
            response.setHeader('X-One', 'a'); response.cacheControl = 'public, max-age=60';
            response.contentDisposition = 'attachment; filename="x.csv"';
            response.redirect('/there?x=é', true);
            """
        )
    )
    assert (answer.status, answer.header("location")) == (301, "/there?x=%C3%A9")
    assert answer.cookies == ["theme=dark; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=Lax"]
    assert (answer.header("x-one"), answer.header("cache-control")) == ("a", "no-store")
    assert answer.header("content-disposition") == 'attachment; filename="x.csv"'
    cached = await site.get(site.route("response.cacheControl = 'public, max-age=60'; 'x'"))
    assert cached.header("cache-control") == "public, max-age=60"


@pytest.mark.parametrize(
    "code",
    [
        "response.setHeader('X', 'a\\r\\nSet-Cookie: sojourn_sid.till=x')",
        "response.setCookie('sojourn_sid.till', 'x')",
        "response.setCookie('__Host-sojourn_sid.till', 'x')",
        "response.setCookie('serverId', 'x')",
        "response.setHeader('Set-Cookie', 'sojourn_sid.till=x')",
        "response.redirect('/\\r\\nSet-Cookie: a=b')",
        "response.contentType = 'text/html\\r\\nX: y'",
        "response.setHeader('Content-Length', '0')",
    ],
)
async def test_nothing_of_ours_is_forged_and_no_line_is_added(site: Site, code: str) -> None:
    answer = await site.get(site.route(code))
    assert told(answer) == (500, "The script has failed.", "script.failed")
    assert answer.cookies == []


@pytest.mark.parametrize(
    ("kind", "sandboxed"),
    [
        ("text/html", True),
        ("TEXT/HTML; charset=utf-8", True),
        ("image/svg+xml", True),
        ("application/xhtml+xml", True),
        ("application/xml", True),
        ("text/javascript", True),
        ("application/x-javascript", True),
        ("text/plain, text/html", True),
        ("text/plain", False),
        ("application/json", False),
        ("image/png", False),
    ],
)
async def test_active_content_is_sandboxed_unless_the_route_says_html(
    site: Site, kind: str, *, sandboxed: bool
) -> None:
    code = f"response.contentType = '{kind}'; response.write('<b>x</b>')"
    answer = await site.get(site.route(code))
    assert ("sandbox" in answer.all("content-security-policy")) is sandboxed
    assert answer.header("x-content-type-options") == "nosniff"
    page = await site.get(site.route(code, html=True))
    assert "sandbox" not in page.all("content-security-policy")


async def test_a_text_is_never_a_page_by_itself(site: Site) -> None:
    answer = await site.get(site.route("'<script>alert(1)</script>'"))
    assert answer.header("content-type") == "text/plain; charset=utf-8"


async def test_gzip_is_for_who_takes_it(site: Site) -> None:
    path = site.route("response.contentEncoding = 'gzip'; response.write('x'.repeat(1000))")
    packed = await site.get(path, ("accept-encoding", "br, gzip"))
    assert (packed.header("content-encoding"), gzip.decompress(packed.body)) == ("gzip", b"x" * 1000)
    assert packed.header("vary") == "accept-encoding"
    plain = await site.get(path)
    assert (plain.header("content-encoding"), plain.body) == ("", b"x" * 1000)


# --- methods, sizes, origins ---


async def test_head_options_and_other_methods(site: Site) -> None:
    path = site.route("request.method + ' hello'", method="GET")
    head = await site.client.request("HEAD", path, OURS)
    assert (head.status, head.body, head.header("content-length")) == (200, b"", "10")
    options = await site.client.request("OPTIONS", path)
    assert (options.status, options.header("allow")) == (204, "GET, HEAD, OPTIONS")
    for method in ("POST", "DELETE", "FETCH", "TRACE"):
        refused = await site.client.request(method, path, OURS)
        assert (refused.status, refused.header("allow")) == (405, "GET, HEAD, OPTIONS")
    own = site.route("response.setHeader('X-Own', '1')", method=["OPTIONS"])
    assert (await site.client.request("OPTIONS", own)).header("x-own") == "1"
    assert (await site.get("/nowhere")).status == 404


async def test_a_body_above_the_routes_size_is_refused(site: Site) -> None:
    path = site.route("request.contentLength", maxRequestSize="10B", requiresAuth=False)
    assert (await site.client.request("POST", path, OURS, body=b"x" * 10)).json() == 10
    large = await site.client.request("POST", path, OURS, body=b"x" * 11)
    assert (large.status, large.json()["code"]) == (413, "request.too_large")
    streamed = await site.client.request("POST", path, OURS, chunks=[b"x" * 6, b"x" * 6])
    assert streamed.status == 413
    odd = await site.client.request("POST", path, OURS, ("content-length", "ten"), body=b"x")
    assert odd.status == 400


A, B = ("origin", "https://a.example"), ("origin", "https://b.example")
ASKS = ("access-control-request-method", "POST")


async def test_any_origin_may_read_an_answer_but_never_with_credentials(site: Site) -> None:
    path = site.route("1")
    for origin in (A, B, ("origin", "null")):
        answer = await site.client.get(path, origin)
        assert answer.header("access-control-allow-origin") == "*"
        assert answer.header("access-control-allow-credentials") == ""
    assert (await site.client.get(path)).header("access-control-allow-origin") == ""


async def test_only_named_origins_may_call_where_there_are_some(site: Site) -> None:
    path = site.route("1", allowedOrigins=["https://a.example"])
    answer = await site.client.get(path, A)
    assert (answer.header("access-control-allow-origin"), answer.header("vary")) == ("https://a.example", "Origin")
    assert answer.header("access-control-allow-credentials") == ""
    refused = await site.client.get(path, B)
    assert (refused.status, refused.json()["code"]) == (403, "route.origin")
    assert refused.header("access-control-allow-origin") == ""
    assert (await site.client.get(path)).status == 200
    own = await site.client.get(path, ("origin", "http://127.0.0.1:8420"))
    assert (own.status, own.header("access-control-allow-origin")) == (200, "")
    denied = await site.client.get(site.route("1", allowedOrigins=["https://a.example"], requiresAuth=True), A)
    assert (denied.status, denied.header("access-control-allow-origin")) == (401, "https://a.example")


async def test_credentials_cross_origins_only_where_no_cookie_authenticates(site: Site) -> None:
    path = site.route("1", realm="portal", allowedOrigins=["https://a.example"])
    assert (await site.client.get(path, A)).header("access-control-allow-credentials") == "true"
    anyone = site.route("1", realm="portal")
    assert (await site.client.get(anyone, A)).header("access-control-allow-credentials") == ""


async def test_preflights_are_answered_for_the_methods_that_the_origin_may_use(site: Site) -> None:
    path = site.route("1", method=["GET", "POST"], allowedOrigins=["https://a.example"])
    wanted = ("access-control-request-headers", "content-type, x-session-id")
    allowed = await site.client.request("OPTIONS", path, A, ASKS, wanted)
    assert allowed.status == 204
    assert allowed.header("access-control-allow-origin") == "https://a.example"
    assert allowed.header("access-control-allow-methods") == "GET, POST"
    assert allowed.header("access-control-allow-headers") == "content-type, x-session-id"
    assert (await site.client.request("OPTIONS", path, B, ASKS)).status == 403
    odd = await site.client.request("OPTIONS", path, A, ASKS, ("access-control-request-headers", "a\x01b"))
    assert odd.header("access-control-allow-headers") == ""
    anyone = await site.client.request("OPTIONS", site.route("1"), B, ASKS)
    assert anyone.header("access-control-allow-origin") == "*"
