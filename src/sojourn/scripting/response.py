"""The answer that a script makes: status, headers, cookies, body, each checked when the script says it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final, NamedTuple
from urllib.parse import quote

from sojourn.core.errors import BadRequest, ResponseAlreadySent, SojournError
from sojourn.scripting.errors import ScriptOutputTooLarge

MOST_HEADERS: Final = 100
#: Longest value of a header, and longest cookie with its name, in bytes.
MOST_VALUE: Final = 8_192
MOST_COOKIE: Final = 4_096
MOST_COOKIES: Final = 50

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_COOKIE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]{0,1000}")
_TARGET: Final = "!#$%&'()*+,/:;=?@[]~"
_SAME_SITE: Final = ("Lax", "Strict", "None")

#: Properties of ``response`` that stand for a header.
NAMED: Final[Mapping[str, str]] = {
    "content-type": "contentType",
    "content-description": "contentDescription",
    "content-disposition": "contentDisposition",
    "cache-control": "cacheControl",
    "expires": "expires",
}

#: Framing belongs to the server, protection, CORS and authentication to the engine.
OURS_ALONE: Final = frozenset(
    {
        *("connection", "content-encoding", "content-length", "date", "keep-alive", "proxy-connection", "server", "te"),
        *("trailer", "transfer-encoding", "upgrade", "access-control-allow-credentials", "clear-site-data"),
        *("access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers"),
        *("referrer-policy", "strict-transport-security", "www-authenticate", "x-content-type-options", "x-session-id"),
        *("access-control-max-age", "set-cookie"),
    }
)


class HeaderRefused(BadRequest):
    """This header cannot be set by a script."""

    code = "response.header_refused"


class CookieRefused(BadRequest):
    """This cookie cannot be set by a script."""

    code = "response.cookie_refused"


class ResponseStopped(SojournError):
    """The script has ended its answer with response.stop()."""

    code = "response.stopped"


class CookieOptions(NamedTuple):
    """Attributes of a cookie; the defaults are the careful ones."""

    domain: str = ""
    path: str = "/"
    expires: datetime | None = None
    secure: bool | None = None
    http_only: bool = True
    same_site: str = "Lax"


class ScriptResponse:
    """What the script has said of its answer so far.

    Args:
        most: The most that the body may have, in bytes.
        https: Whether cookies are Secure where the script does not say.
        ours: Whether a name is, or looks like, one of the engine's own cookies.
        deliver: Sends the answer as it is now to the client; None where nobody waits for it.
    """

    def __init__(
        self,
        *,
        most: int,
        https: bool = False,
        ours: Callable[[bytes], bool] = lambda _name: False,
        deliver: Callable[[ScriptResponse], Awaitable[None]] | None = None,
    ) -> None:
        self._most = most
        self._https = https
        self._ours = ours
        self._deliver = deliver
        self._status: int | None = None
        self._headers: dict[str, tuple[str, str]] = {}
        self._cookies: dict[tuple[str, str, str], str] = {}
        self._parts: list[bytes] = []
        self._size = 0
        #: ``gzip`` compresses the body where the client takes it.
        self.content_encoding = ""
        #: What the script wrote there; framing is the server's business.
        self.transfer_encoding = ""
        #: Whether the answer is on its way: nothing of it can be changed any more.
        self.begun = False
        #: Whether the script has ended it.
        self.stopped = False
        #: The new handle of the session as text, once; set by who answers HTTP.
        self.take_handle: Callable[[], str] = lambda: ""

    # --- what was said ---

    @property
    def status(self) -> int | None:
        """The status; None when the script has not named one."""
        return self._status

    @status.setter
    def status(self, status: int) -> None:
        self.check_open()
        if not 200 <= status <= 599:  # noqa: PLR2004 - the final statuses of HTTP
            raise BadRequest("a status is a number from 200 to 599")
        self._status = status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers by name, as the script wrote them; cookies are not among them."""
        return dict(self._headers.values())

    @property
    def cookies(self) -> list[str]:
        """The values of ``Set-Cookie``."""
        return list(self._cookies.values())

    @property
    def body(self) -> bytes:
        """What was written."""
        return b"".join(self._parts)

    @property
    def written(self) -> bool:
        """Whether the script has made an answer of its own: then its return value is none."""
        return self._size > 0 or self.begun or self.header("location") != ""

    def header(self, name: str) -> str:
        """The value of one header, empty when the script has not set it."""
        return self._headers.get(name.lower(), ("", ""))[1]

    def check_open(self) -> None:
        """Raise ``ResponseAlreadySent`` or :class:`ResponseStopped` when nothing can be changed any more."""
        if self.stopped:
            raise ResponseStopped
        if self.begun:
            raise ResponseAlreadySent

    # --- saying it ---

    def set_header(self, name: str, value: str) -> None:
        """Set one header; an empty value removes it. Raises :class:`HeaderRefused`, ``ResponseAlreadySent``."""
        self.check_open()
        lower = name.lower()
        if _TOKEN.fullmatch(name) is None:
            raise HeaderRefused(f"{name[:100]!r} is no name of a header")
        if lower in OURS_ALONE:
            hint = "; use response.setCookie" if lower == "set-cookie" else ""
            raise HeaderRefused(f"the header {name} belongs to the engine{hint}")
        if _VALUE.fullmatch(value) is None or len(value) > MOST_VALUE:
            raise HeaderRefused(f"the value of {name} holds what a header cannot carry")
        if not value:
            self._headers.pop(lower, None)
            return
        if lower not in self._headers and len(self._headers) >= MOST_HEADERS:
            raise HeaderRefused(f"an answer has at most {MOST_HEADERS} headers")
        self._headers[lower] = (name, value)

    def set_expires(self, at: datetime | None) -> None:
        """Set ``Expires``; None removes it."""
        self.set_header("Expires", "" if at is None else format_datetime(at.astimezone(UTC), usegmt=True))

    def set_cookie(self, name: str, value: str, options: CookieOptions) -> None:
        """Set a cookie. Raises :class:`CookieRefused` for one of ours and for what a cookie cannot hold."""
        self.check_open()
        raw = name.encode("utf-8", "replace")
        if _TOKEN.fullmatch(name) is None or self._ours(raw):
            raise CookieRefused(f"a script cannot set the cookie {name[:100]!r}")
        if _COOKIE_VALUE.fullmatch(value) is None:
            raise CookieRefused(f"the value of the cookie {name} has to be encoded: encodeURIComponent(value)")
        line = f"{name}={value}{self._attributes(options)}"
        if len(line) > MOST_COOKIE:
            raise CookieRefused(f"the cookie {name} is larger than {MOST_COOKIE} bytes")
        place = (name, options.domain, options.path)
        if place not in self._cookies and len(self._cookies) >= MOST_COOKIES:
            raise CookieRefused(f"an answer sets at most {MOST_COOKIES} cookies")
        self._cookies[place] = line

    def write(self, piece: bytes) -> None:
        """Append to the body. Raises ``ScriptOutputTooLarge``, ``ResponseAlreadySent``."""
        self.check_open()
        if self._size + len(piece) > self._most:
            raise ScriptOutputTooLarge(
                "ScriptOutputTooLarge", f"an answer of this realm has at most {self._most} bytes"
            )
        self._size += len(piece)
        self._parts.append(piece)

    def redirect(self, uri: str, *, permanently: bool = False) -> None:
        """Send the client elsewhere; what was written goes along. Raises :class:`HeaderRefused`."""
        if not uri or any(ord(sign) < 32 or ord(sign) == 127 for sign in uri):  # noqa: PLR2004 - control characters
            raise HeaderRefused("a redirect needs a URI without control characters")
        self.set_header("Location", quote(uri, safe=_TARGET))
        self.status = 301 if permanently else 302

    async def send(self) -> None:
        """Send the answer as it is now; the script goes on. Raises ``ResponseAlreadySent``."""
        self.check_open()
        self.begun = True
        if self._deliver is not None:
            await self._deliver(self)

    def stop(self) -> None:
        """End the answer: raises :class:`ResponseStopped`, and so does whatever the script wants of it after that."""
        self.stopped = True
        raise ResponseStopped

    def _attributes(self, options: CookieOptions) -> str:
        same = next((word for word in _SAME_SITE if word.lower() == options.same_site.lower()), None)
        secure = self._https if options.secure is None else options.secure
        if same is None or (same == "None" and not secure):
            raise CookieRefused("sameSite is Lax, Strict, or None with secure")
        if not options.path.startswith("/") or not all(map(_ATTRIBUTE.fullmatch, (options.path, options.domain))):
            raise CookieRefused("path begins with /, and neither path nor domain holds ; or control characters")
        parts = [f"; Path={options.path}"]
        if options.domain:
            parts.append(f"; Domain={options.domain}")
        if options.expires is not None:
            parts.append(f"; Expires={format_datetime(options.expires.astimezone(UTC), usegmt=True)}")
        parts += ["; HttpOnly"] if options.http_only else []
        parts += [f"; SameSite={same}"] + (["; Secure"] if secure else [])
        return "".join(parts)
