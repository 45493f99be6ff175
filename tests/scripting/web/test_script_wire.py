"""What of an answer goes over the wire, and which requests get one: headers, active content, methods, sizes, origins."""

from __future__ import annotations

import gzip

import pytest

from tests.scripting.web.conftest import FOREIGN, OURS, Site, told

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


async def test_a_realm_with_compression_packs_what_is_worth_it(site: Site) -> None:
    gzips = ("accept-encoding", "gzip")
    text = "'<p>' + 'x'.repeat(5000)"
    path = site.route(text, realm="packed")
    packed = await site.get(path, gzips)
    assert (packed.header("content-encoding"), packed.header("vary")) == ("gzip", "accept-encoding")
    assert gzip.decompress(packed.body) == b"<p>" + b"x" * 5000
    assert packed.header("content-length") in ("", str(len(packed.body)))
    assert (await site.get(path)).header("content-encoding") == ""
    assert (await site.get(path, ("accept-encoding", "br, gzip;q=0, *"))).header("content-encoding") == ""
    objects = await site.get(site.route("({ a: 'x'.repeat(5000) })", realm="packed"), gzips)
    assert objects.header("content-encoding") == "gzip"
    for code in (
        "'short'",
        "new Uint8Array(5000)",
        f"response.setHeader('Cache-Control', 'no-transform'); {text}",
        "session.fields.put({ a: 1 }); response.statusCode = 204; ''",
    ):
        answer = await site.get(site.route(code, realm="packed"), gzips)
        assert answer.header("content-encoding") == "", code
    assert (await site.get(site.route(text, realm="web"), gzips)).header("content-encoding") == ""


async def test_no_page_of_another_site_learns_how_short_an_answer_becomes(site: Site) -> None:
    path, gzips = site.route("'x'.repeat(5000)", realm="packed"), ("accept-encoding", "gzip")
    login = await site.login("packed")
    cookie = ("cookie", login.cookies[0].partition(";")[0])
    assert (await site.get(path, gzips, cookie)).header("content-encoding") == "gzip"
    foreign = await site.client.get(path, FOREIGN, gzips, cookie)
    assert (foreign.status, foreign.header("content-encoding")) == (200, "")
    assert (await site.client.get(path, FOREIGN, gzips)).header("content-encoding") == "gzip"
    own = await site.get("/realms/packed/session", gzips, cookie)
    assert (own.status, own.header("content-encoding")) == (200, "")


async def test_a_strong_etag_becomes_weak_with_other_bytes(site: Site) -> None:
    path = site.route("response.setHeader('ETag', '\"a\"'); response.write('x'.repeat(5000))", realm="packed")
    assert (await site.get(path)).header("etag") == '"a"'
    assert (await site.get(path, ("accept-encoding", "gzip"))).header("etag") == 'W/"a"'


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
