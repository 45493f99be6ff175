"""The global ``response``: the answer that a script makes."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Annotated

import msgspec

from sojourn.core.errors import BadRequest
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.charsets import charset_of
from sojourn.scripting.declare import BadArgument, HostClass, exposed, get, method, put
from sojourn.scripting.exchange import Exchange, under_way
from sojourn.scripting.response import CookieOptions, HeaderRefused, ScriptResponse
from sojourn.scripting.values import Value

_ENCODINGS = ("", "gzip")
_TRANSFERS = ("", "none", "chunked")


class Attributes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The options of ``setCookie``."""

    domain: str = ""
    path: str = "/"
    expires: datetime | None = None
    secure: bool | None = None
    http_only: bool = True
    same_site: Annotated[str, msgspec.Meta(max_length=10)] = "Lax"


@exposed("Response", "lib/http/Response", "context/response", instance="response")
class ResponseClass(HostClass):
    """The answer to the HTTP request that is being served.

    A script that writes, redirects or sends has made its answer; otherwise its value is the answer: an object or array
    as JSON, a string as text, `undefined` as nothing (204). The global exists everywhere; where no request is served,
    each of its members throws `NoRequest`.

    The body has at most as many bytes as the realm's `scriptOutput` says. HTML, SVG, XML and other types that a browser
    would run are answered with `Content-Security-Policy: sandbox`, unless the route says `html: true`.
    """

    @get("contentType: string", ANYONE)
    def content_type(self) -> str:
        """Content type of the body. Where the script sets none: `text/plain` for what it writes."""
        return self._response.header("content-type")

    @put("contentType", ANYONE)
    def put_content_type(self, value: str) -> None:
        """Set it; empty for the default."""
        self._response.set_header("Content-Type", value)

    @get("contentDescription: string", ANYONE)
    def content_description(self) -> str:
        """The header `Content-Description`."""
        return self._response.header("content-description")

    @put("contentDescription", ANYONE)
    def put_content_description(self, value: str) -> None:
        """Set it; empty removes it."""
        self._response.set_header("Content-Description", value)

    @get("contentDisposition: string", ANYONE)
    def content_disposition(self) -> str:
        """The header `Content-Disposition`: `attachment; filename="orders.csv"`."""
        return self._response.header("content-disposition")

    @put("contentDisposition", ANYONE)
    def put_content_disposition(self, value: str) -> None:
        """Set it; empty removes it."""
        self._response.set_header("Content-Disposition", value)

    @get("contentEncoding: string", ANYONE)
    def content_encoding(self) -> str:
        """Empty, or `gzip`: the engine then compresses the body where the client takes that.

        In realms with `httpCompressionEnabled` it does so with texts of 1 KiB and more by itself.
        """
        return self._response.content_encoding

    @put("contentEncoding", ANYONE)
    def put_content_encoding(self, value: str) -> None:
        """Set it."""
        self._response.check_open()
        self._response.content_encoding = _one_of("contentEncoding", value, _ENCODINGS)

    @get("transferEncoding: string", ANYONE)
    def transfer_encoding(self) -> str:
        """Empty, `none` or `chunked`, as it was set. It changes nothing: how a body is framed is the server's affair."""
        return self._response.transfer_encoding

    @put("transferEncoding", ANYONE)
    def put_transfer_encoding(self, value: str) -> None:
        """Set it."""
        self._response.check_open()
        self._response.transfer_encoding = _one_of("transferEncoding", value, _TRANSFERS)

    @get("statusCode: number", ANYONE)
    def status_code(self) -> int:
        """HTTP status, 200 until it is set; an empty answer without one is 204."""
        return self._response.status or 200

    @put("statusCode", ANYONE)
    def put_status_code(self, status: int) -> None:
        """Set it: 200 to 599."""
        self._response.status = status

    @get("cacheControl: string", ANYONE)
    def cache_control(self) -> str:
        """The header `Cache-Control`. Answers to who is logged in, or with a cookie, are `no-store` all the same."""
        return self._response.header("cache-control")

    @put("cacheControl", ANYONE)
    def put_cache_control(self, value: str) -> None:
        """Set it; empty removes it."""
        self._response.set_header("Cache-Control", value)

    @get("expires: Date | null", ANYONE)
    def expires(self) -> datetime | None:
        """The header `Expires`, `null` without one."""
        text = self._response.header("expires")
        try:
            return parsedate_to_datetime(text) if text else None
        except ValueError:
            return None

    @put("expires", ANYONE)
    def put_expires(self, at: datetime | None) -> None:
        """Set it; `null` removes it."""
        self._response.set_expires(at)

    @get("sessionHandle: string", ANYONE)
    def session_handle(self) -> str:
        """The new handle of the session, once, in a stateful realm without session cookies; else empty. Ours.

        It is there after a login, logout or change of password in this script, and when the session began with this
        request. The client sends it as the header `x-session-id`. Where the script does not take it, the answer carries
        it in that header.
        """
        self._exchange.response.check_open()
        return self._response.take_handle()

    @method("write(content: string | ArrayBuffer | Uint8Array): void", ANYONE)
    def write(self, content: Value) -> None:
        """Append to the body. Text goes out in the `charset` of `contentType`, else as UTF-8.

        Throws `ScriptOutputTooLarge` above the realm's `scriptOutput`.
        """
        self._response.write(self._octets(content))

    @method("writeln(content?: string | ArrayBuffer | Uint8Array): void", ANYONE)
    def writeln(self, content: Value = "") -> None:
        """The same, with CR LF after it."""
        self._response.write(self._octets(content) + b"\r\n")

    @method(
        "setCookie(name: string, value: string, options?: {domain?: string, path?: string, expires?: Date, "
        'secure?: boolean, httpOnly?: boolean, sameSite?: "Lax" | "Strict" | "None"}): void',
        ANYONE,
    )
    def set_cookie(self, name: str, value: str, options: Attributes | None = None) -> None:
        """Set a cookie.

        Without options it is for `/`, `HttpOnly`, `SameSite=Lax`, and `Secure` on HTTPS; it ends with the browser. Throws
        `CookieRefused` for the cookies of the engine and for names or values that a cookie cannot hold.
        """
        given = options or Attributes()
        self._response.set_cookie(name, value, CookieOptions(**msgspec.structs.asdict(given)))

    @method("setHeader(name: string, value: string): void", ANYONE)
    def set_header(self, name: str, value: Value) -> None:
        """Set a header, replacing what it had; an empty value removes it.

        Throws `HeaderRefused` for those that belong to the engine (framing, protection, CORS, authentication, cookies)
        and for what a header cannot carry, line breaks among it.
        """
        self._response.set_header(name, _text(value))

    @method("getAllHeaders(): {[name: string]: string}", ANYONE)
    def get_all_headers(self) -> dict[str, str]:
        """The headers that were set."""
        return dict(self._response.headers)

    @method("stop(): void", ANYONE)
    def stop(self) -> None:
        """End the script: what the answer holds by now is sent.

        It throws `ResponseStopped`, so that nothing after it is executed; do not catch it.
        """
        self._response.stop()

    @method("redirect(uri: string, permanently?: boolean): void", ANYONE)
    def redirect(self, uri: str, permanently: bool = False) -> None:  # noqa: FBT001, FBT002 - the seed's signature
        """Answer with 302, or 301, and `Location`; the script goes on."""
        self._response.redirect(uri, permanently=permanently)

    @method("stopAndRedirect(uri: string, permanently?: boolean): void", ANYONE)
    def stop_and_redirect(self, uri: str, permanently: bool = False) -> None:  # noqa: FBT001, FBT002
        """Redirect, and end the script."""
        self._response.redirect(uri, permanently=permanently)
        self._response.stop()

    @method("send(): void", ANYONE)
    async def send(self) -> None:
        """Send the answer now, as it is; the script goes on, and can change nothing of it any more."""
        await self._response.send()

    @property
    def _exchange(self) -> Exchange:
        return under_way(self.run.exchange)

    @property
    def _response(self) -> ScriptResponse:
        return self._exchange.response

    def _octets(self, content: Value) -> bytes:
        if isinstance(content, bytes):
            return content
        kind = self._response.header("content-type")
        charset = charset_of(kind)
        if charset is None:
            raise HeaderRefused(f"{kind[:80]!r} names no charset that is known")
        return _text(content).encode(charset, "replace")


def _text(value: Value) -> str:
    """A primitive ``value`` as JavaScript writes it; raises ``BadArgument`` for others."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise BadArgument("expected a string; JSON.stringify makes one of an object")


def _one_of(name: str, value: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise BadRequest(f"{name} is one of {', '.join(map(repr, words))}")
    return value
