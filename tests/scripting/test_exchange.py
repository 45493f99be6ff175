"""``request`` and ``response`` as the host serves them: every member, every refusal, without a runtime."""

from __future__ import annotations

import encodings
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sojourn.core.errors import BadRequest, ResponseAlreadySent, SojournError
from sojourn.scripting.api.request import RequestClass
from sojourn.scripting.api.response import ResponseClass
from sojourn.scripting.declare import CLASSES, BadArgument, wire_name
from sojourn.scripting.dispatch import Dispatcher
from sojourn.scripting.errors import ScriptOutputTooLarge
from sojourn.scripting.exchange import (
    ContentConsumed,
    ContentTooLarge,
    Exchange,
    NoRequest,
    Peer,
    ReadTooLarge,
    ScriptRequest,
)
from sojourn.scripting.response import CookieRefused, HeaderRefused, ResponseStopped, ScriptResponse
from sojourn.scripting.run import Kept, Run
from sojourn.scripting.values import Value

pytestmark = pytest.mark.anyio

MEMBERS = sorted(
    wire_name(CLASSES[name], member) for name in ("Request", "Response") for member in CLASSES[name].members
)


class Page:
    """One execution with a request."""

    def __init__(self, request: ScriptRequest | None = None, **response: Any) -> None:
        self.delivered: list[bytes] = []
        self.response = ScriptResponse(
            most=response.pop("most", 100),
            ours=lambda name: name.lower().startswith(b"sojourn_"),
            deliver=self._deliver,
            **response,
        )
        self.exchange = Exchange(request=request or ScriptRequest(method="GET", path="/"), response=self.response)
        self._host = Dispatcher(run(self.exchange))

    async def __call__(self, member: str, *args: Value) -> Value:
        return await self._host.call(member, args)

    async def _deliver(self, response: ScriptResponse) -> None:
        self.delivered.append(response.body)


def run(exchange: Exchange | None) -> Run:
    nobody = cast("Any", SimpleNamespace(realm=SimpleNamespace(id="r", name="acme")))  # nothing here looks at who acts
    return Run(
        rules=nobody, session=nobody, execution_key="k", scripts=(), kept=Kept(), runtime="ije", exchange=exchange
    )


REQUEST = ScriptRequest(
    method="POST",
    path="/a b",
    query="A=1&b=2&a=3&empty=&%C3%A9=%20",
    headers={
        "content-type": "application/x-www-form-urlencoded; charset=iso-8859-1",
        "cookie": "one=1; two=2=2; bare; one=3",
        "accept-language": "pt-BR",
        "referer": "https://r.example/",
        "user-agent": "probe/1",
    },
    body=b"User=ana&x=%31",
    path_params={"id": 7},
    host="shop.example:8420",
    https=True,
    local=Peer(address="10.0.0.1", port=8420),
    remote=Peer(address="10.0.0.2", port=50_000),
)


@pytest.mark.parametrize("member", MEMBERS)
async def test_21_26_without_a_request_every_member_says_that_its_data_are_not_available(member: str) -> None:
    host = Dispatcher(run(None))
    arguments: dict[str, list[Value]] = {
        "Request.read": [1],
        "Request.getCookieName": [1],
        "Request.getParameterName": [1],
        "Request.isHttps": [True],
        "Response.redirect": ["/"],
        "Response.stopAndRedirect": ["/"],
        "Request.readTimeout=": [1],
        "Response.statusCode=": [200],
        "Response.expires=": [None],
        "Response.setCookie": ["a", "b"],
    }
    with pytest.raises(NoRequest, match="not available"):
        await host.call(member, arguments.get(member, ["x", "y"]))


@pytest.mark.parametrize(
    ("member", "args", "value"),
    [
        ("method", (), "POST"),
        ("methodType", (), "POST"),
        ("path", (), "/a b"),
        ("pathParams", (), {"id": 7}),
        ("host", (), "shop.example:8420"),
        ("localHost", (), "shop.example"),
        ("localAddress", (), "10.0.0.1"),
        ("localPort", (), 8420),
        ("remoteAddress", (), "10.0.0.2"),
        ("remoteHost", (), "10.0.0.2"),
        ("remotePort", (), 50_000),
        ("acceptLanguage", (), "pt-BR"),
        ("referer", (), "https://r.example/"),
        ("userAgent", (), "probe/1"),
        ("content", (), "User=ana&x=%31"),
        ("bytes", (), b"User=ana&x=%31"),
        ("contentLength", (), 14),
        ("contentType", (), "application/x-www-form-urlencoded; charset=iso-8859-1"),
        ("xml", (), ""),
        ("params", (), {"a": "3", "b": "2", "empty": "", "é": " "}),
        ("form", (), {"user": "ana", "x": "1"}),
        ("files", (), []),
        ("parameterCount", (), 4),
        ("param", ("A",), "3"),
        ("param", ("none",), None),
        ("param", ("none", 5), 5),
        ("getParameter", ("B",), "2"),
        ("getParameter", ("none",), ""),
        ("getParameter", (1,), "2"),
        ("getParameter", (-1,), ""),
        ("getParameterName", (0,), "a"),
        ("getParameterName", (9,), ""),
        ("cookieCount", (), 3),
        ("getCookie", ("one",), "1"),
        ("getCookie", ("two",), "2=2"),
        ("getCookie", ("none",), ""),
        ("getCookie", (2,), "3"),
        ("getCookieName", (1,), "two"),
        ("getCookieName", (3,), ""),
        ("getHeader", ("User-Agent",), "probe/1"),
        ("getHeader", ("X-None",), ""),
        ("isHttps", (), True),
        ("isHttps", (False,), False),
        ("readTimeout", (), 60_000),
    ],
)
async def test_request_says_what_arrived(member: str, args: tuple[Value, ...], value: Value) -> None:
    assert await Page(REQUEST)(f"Request.{member}", *args) == value


async def test_the_message_is_the_request_as_http_writes_it() -> None:
    request = ScriptRequest(method="PUT", path="/x", query="q=1", headers={"host": "h"}, body=b"body")
    assert await Page(request)("Request.httpMessage") == "PUT /x?q=1 HTTP/1.1\r\nHost: h\r\n\r\nbody"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", "é".encode(), "é"),
        ("text/plain; charset=iso-8859-1", b"\xe9", "é"),
        ('text/plain; charset="utf-16-le"', "é".encode("utf-16-le"), "é"),
        ("text/plain; charset=none-such", "é".encode(), "é"),
        ("text/plain; charset=base64", "é".encode(), "é"),
        ("text/plain; charset=punycode", b"abc-", "abc-"),
        ("text/plain; charset=idna", b"xn--", "xn--"),
        ("text/plain; charset=undefined", b"a", "a"),
        ("text/plain; charset=unicode_escape", rb"\x41", r"\x41"),
        ("text/plain; charset=Windows-1253", b"\xe1\xff", "\u03b1\ufffd"),
        ("text/plain; charset=Shift_JIS", b"\x83\x65", "テ"),
        ("text/plain", b"\xff\x00", "\ufffd\x00"),
    ],
)
async def test_content_is_text_by_its_charset_and_never_an_error(kind: str, body: bytes, text: str) -> None:
    page = Page(ScriptRequest(method="POST", path="/", headers={"content-type": kind}, body=body))
    assert await page("Request.content") == text


async def test_xml_is_the_text_of_a_body_of_that_type() -> None:
    for kind in ("application/xml", "TEXT/XML; charset=utf-8", "application/soap+xml"):
        page = Page(ScriptRequest(method="POST", path="/", headers={"content-type": kind}, body=b"<a/>"))
        assert await page("Request.xml") == "<a/>"


async def test_what_is_read_in_pieces_is_no_whole_any_more() -> None:
    page = Page(ScriptRequest(method="POST", path="/", body="aéb".encode()))
    assert await page("Request.content") == "aéb"
    assert [await page("Request.read", 2) for _ in range(4)] == ["a", "éb", "", ""]
    for member in ("content", "bytes", "httpMessage"):
        with pytest.raises(ContentConsumed):
            await page(f"Request.{member}")
    with pytest.raises(ReadTooLarge):
        await page("Request.read", 1_000_001)
    for size in (0, -1):
        with pytest.raises(BadRequest):
            await page("Request.read", size)
    with pytest.raises(BadArgument):
        await page("Request.read", "1")


async def test_a_body_above_20_mb_is_no_text_but_can_be_read() -> None:
    page = Page(ScriptRequest(method="POST", path="/", body=b"x" * 20_000_001))
    with pytest.raises(ContentTooLarge):
        await page("Request.content")
    assert await page("Request.contentLength") == 20_000_001
    assert len(cast("str", await page("Request.read", 1_000_000))) == 1_000_000


async def test_read_timeout_is_a_time() -> None:
    page = Page()
    await page("Request.readTimeout=", 5_000)
    assert await page("Request.readTimeout") == 5_000
    for odd in (-1, 3_600_001):
        with pytest.raises(BadRequest):
            await page("Request.readTimeout=", odd)


# --- response ---


async def test_response_keeps_what_was_set() -> None:
    page = Page()
    assert await page("Response.statusCode") == 200
    assert page.response.status is None
    await page("Response.statusCode=", 404)
    for name in ("contentType", "contentDescription", "contentDisposition", "cacheControl"):
        await page(f"Response.{name}=", f"{name}/x")
        assert await page(f"Response.{name}") == f"{name}/x"
    await page("Response.setHeader", "X-One", 1)
    await page("Response.setHeader", "x-one", "2")
    await page("Response.contentDescription=", "")
    at = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
    await page("Response.expires=", at)
    assert await page("Response.expires") == at
    assert await page("Response.getAllHeaders") == {
        "Content-Type": "contentType/x",
        "Content-Disposition": "contentDisposition/x",
        "Cache-Control": "cacheControl/x",
        "x-one": "2",
        "Expires": "Sun, 22 Nov 2026 08:00:00 GMT",
    }
    await page("Response.expires=", None)
    assert await page("Response.expires") is None
    for name, words in (("contentEncoding", ("gzip", "")), ("transferEncoding", ("chunked", "none", ""))):
        for word in words:
            await page(f"Response.{name}=", word)
            assert await page(f"Response.{name}") == word
        with pytest.raises(BadRequest):
            await page(f"Response.{name}=", "br")
    assert page.response.status == 404


async def test_no_charset_that_a_client_names_takes_more_time_than_the_text_is_long() -> None:
    names = ("punycode", "idna", "utf-7", "iso-8859-6", "windows-1253", "x-" + "y" * 50)
    for name in names:
        headers = {"content-type": f"text/plain; charset={name}"}
        page = Page(ScriptRequest(method="POST", path="/", headers=headers, body=b"-" + b"\xffb" * 250_000))
        began = time.process_time()
        assert len(str(await page("Request.content"))) == 500_001
        assert time.process_time() - began < 0.2, name


async def test_a_charset_that_nobody_knows_is_not_remembered() -> None:
    known = len(vars(encodings)["_cache"])
    for number in range(20):
        page = Page(
            ScriptRequest(method="POST", path="/", headers={"content-type": f"text/plain; charset=odd{number}"})
        )
        await page("Request.content")
    assert len(vars(encodings)["_cache"]) == known


async def test_the_body_is_what_was_written_in_its_charset() -> None:
    page = Page()
    await page("Response.write", "é")
    await page("Response.write", b"\x00\xff")
    await page("Response.writeln", "x")
    await page("Response.writeln")
    for value, text in ((True, "true"), (12, "12"), (0.5, "0.5")):
        await page("Response.write", value)
        assert page.response.body.decode("latin-1").endswith(text)
    assert page.response.body.startswith("é".encode() + b"\x00\xffx\r\n\r\n")
    latin = Page()
    await latin("Response.contentType=", "text/plain; charset=ISO-8859-1")
    await latin("Response.write", "é€")
    assert latin.response.body == b"\xe9?"
    await latin("Response.contentType=", "text/plain; charset=nothing")
    with pytest.raises(HeaderRefused):
        await latin("Response.write", "x")
    odd: Value
    for odd in (None, {}, []):
        with pytest.raises(BadArgument):
            await page("Response.write", odd)


async def test_more_than_the_realm_admits_is_refused_and_what_was_there_stays() -> None:
    page = Page(most=10)
    await page("Response.write", "12345678")
    with pytest.raises(ScriptOutputTooLarge):
        await page("Response.write", "abc")
    await page("Response.write", "ab")
    assert page.response.body == b"12345678ab"


@pytest.mark.parametrize("status", [0, 100, 101, 199, 600, 1_000, -1, 2**70])
async def test_no_status_breaks_the_framing(status: int) -> None:
    with pytest.raises(SojournError):
        await Page()("Response.statusCode=", status)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("X-A", value) for value in ("a\r\nSet-Cookie: x=1", "a\nb", "a\rb", "a\0", "a\x7f", "€", "x" * 9_000)),
        *((name, "v") for name in ("", "a b", "a:", "a\r\nb", "é", "x" * 101)),
        *(
            (name, "v")
            for name in ("Content-Length", "transfer-encoding", "Connection", "Set-Cookie", "WWW-Authenticate")
        ),
        *((name, "v") for name in ("X-Session-Id", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials")),
        *((name, "v") for name in ("Strict-Transport-Security", "Clear-Site-Data", "X-Content-Type-Options", "Date")),
    ],
)
async def test_a_header_that_is_not_the_scripts_or_would_break_out_is_refused(name: str, value: str) -> None:
    page = Page()
    with pytest.raises(HeaderRefused):
        await page("Response.setHeader", name, value)
    assert page.response.headers == {}


async def test_headers_and_cookies_have_a_number() -> None:
    page = Page()
    for place in range(100):
        await page("Response.setHeader", f"X-{place}", "v")
    await page("Response.setHeader", "X-1", "again")
    with pytest.raises(HeaderRefused):
        await page("Response.setHeader", "X-100", "v")
    for place in range(50):
        await page("Response.setCookie", f"c{place}", "v")
    with pytest.raises(CookieRefused):
        await page("Response.setCookie", "c50", "v")


async def test_cookies_are_careful_unless_the_script_says_otherwise() -> None:
    page = Page(https=True)
    at = datetime(2026, 11, 22, tzinfo=UTC)
    await page("Response.setCookie", "a", "1")
    open_one: dict[str, Value] = {"httpOnly": False, "secure": False, "sameSite": "strict", "path": "/x", "expires": at}
    await page("Response.setCookie", "b", "2", {**open_one, "domain": "shop.example"})
    await page("Response.setCookie", "c", "", {"sameSite": "None"})
    await page("Response.setCookie", "a", "again")
    assert page.response.cookies == [
        "a=again; Path=/; HttpOnly; SameSite=Lax; Secure",
        "b=2; Path=/x; Domain=shop.example; Expires=Sun, 22 Nov 2026 00:00:00 GMT; SameSite=Strict",
        "c=; Path=/; HttpOnly; SameSite=None; Secure",
    ]


@pytest.mark.parametrize(
    ("name", "value", "options"),
    [
        ("sojourn_sid.acme", "x", {}),
        ("SOJOURN_SID.acme", "x", {}),
        ("a b", "x", {}),
        ("", "x", {}),
        ("a\r\nb", "x", {}),
        ("a", "x;y", {}),
        ("a", "x\r\nSet-Cookie: b=1", {}),
        ("a", "é", {}),
        ("a", 'a"b', {}),
        ("a", "x" * 5_000, {}),
        ("a", "x", {"path": "x"}),
        ("a", "x", {"path": "/;Secure"}),
        ("a", "x", {"domain": "a\r\nb"}),
        ("a", "x", {"domain": "a;b"}),
        ("a", "x", {"sameSite": "Any"}),
        ("a", "x", {"sameSite": "None"}),
    ],
)
async def test_a_cookie_of_ours_or_one_that_would_break_out_is_refused(
    name: str, value: str, options: dict[str, Value]
) -> None:
    page = Page()
    with pytest.raises(CookieRefused):
        await page("Response.setCookie", name, value, options)
    assert page.response.cookies == []


async def test_options_that_are_none_are_told() -> None:
    with pytest.raises(BadArgument):
        await Page()("Response.setCookie", "a", "x", {"httponly": True})


async def test_a_redirect_is_a_status_and_a_place() -> None:
    page = Page()
    await page("Response.redirect", "/é?a=1#b")
    assert (page.response.status, page.response.headers) == (302, {"Location": "/%C3%A9?a=1#b"})
    await page("Response.redirect", "https://x.example/%20", True)
    assert (page.response.status, page.response.headers) == (301, {"Location": "https://x.example/%20"})
    assert page.response.written
    for odd in ("", "/a\r\nSet-Cookie: x=1", "/\0"):
        with pytest.raises(HeaderRefused):
            await page("Response.redirect", odd)


async def test_after_stop_nothing_can_be_said_any_more() -> None:
    page = Page()
    await page("Response.write", "before")
    with pytest.raises(ResponseStopped):
        await page("Response.stop")
    for member, args in (
        ("write", ["x"]),
        ("statusCode=", [500]),
        ("setHeader", ["a", "b"]),
        ("send", []),
        ("stop", []),
    ):
        with pytest.raises(ResponseStopped):
            await page(f"Response.{member}", *cast("list[Value]", args))
    assert page.response.stopped
    assert page.response.body == b"before"
    away = Page()
    with pytest.raises(ResponseStopped):
        await away("Response.stopAndRedirect", "/there", True)
    assert (away.response.status, away.response.header("location")) == (301, "/there")


async def test_what_is_sent_is_sent_once_and_stays_as_it_is() -> None:
    page = Page()
    await page("Response.write", "now")
    await page("Response.send")
    assert page.delivered == [b"now"]
    for member, args in (("write", ["x"]), ("statusCode=", [500]), ("setCookie", ["a", "b"]), ("send", [])):
        with pytest.raises(ResponseAlreadySent):
            await page(f"Response.{member}", *cast("list[Value]", args))
    with pytest.raises(ResponseAlreadySent):
        page.exchange.before_identity_changes()
    assert await page("Response.statusCode") == 200


def test_every_member_of_the_reference_is_there() -> None:
    """The member lists of the reference."""
    ours = {"pathParams", "form", "files", "bytes", "sessionHandle"}
    request = {
        *("content", "contentLength", "contentType", "xml", "localAddress", "localHost", "localPort", "remoteAddress"),
        *("remoteHost", "remotePort", "host", "method", "methodType", "acceptLanguage", "path", "referer", "userAgent"),
        *("httpMessage", "params", "headers", "parameterCount", "cookieCount", "readTimeout", "param", "getParameter"),
        *("body", "saveToStream", "getParameterName", "getCookie", "getCookieName", "getHeader", "read", "isHttps"),
    }
    response = {
        *("contentType", "contentDescription", "contentDisposition", "contentEncoding", "transferEncoding"),
        *("statusCode", "cacheControl", "expires", "write", "writeln", "setCookie", "setHeader", "getAllHeaders"),
        *("stop", "redirect", "stopAndRedirect", "send"),
    }
    assert {member.name for member in CLASSES["Request"].members} - ours == request
    assert {member.name for member in CLASSES["Response"].members} - ours == response
    assert CLASSES["Request"].python is RequestClass
    assert CLASSES["Response"].python is ResponseClass
