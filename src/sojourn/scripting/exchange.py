"""The HTTP request that a script serves, and the way to its answer.

Whoever answers HTTP makes one :class:`Exchange` for each request, with everything that was consumed as a credential taken
out of it; the execution gets it as ``run.exchange``. Scripts reach it through the globals ``request`` and ``response``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from sojourn.core.errors import BadRequest, SojournError
from sojourn.scripting.charsets import charset_of, decoder
from sojourn.scripting.forms import Form, pairs, read_form
from sojourn.scripting.response import ScriptResponse
from sojourn.scripting.values import Value

#: The longest text that ``request.content`` gives, and the most that one ``request.read`` takes, in bytes.
MOST_CONTENT: Final = 20_000_000
MOST_READ: Final = 1_000_000


#: Contents from this size on are searched for the parts of a form in a thread.
_IN_A_THREAD: Final = 1 << 20


class NoRequest(SojournError):
    """Request data not available: this session serves no HTTP request."""

    code = "request.unavailable"


class ContentTooLarge(SojournError):
    """The content is too large to be one text; use request.read."""

    code = "request.content_too_large"


class ContentConsumed(SojournError):
    """The content was read with request.read; it is no longer there as a whole."""

    code = "request.content_consumed"


class ReadTooLarge(BadRequest):
    """request.read takes at most 1 MB at a time."""

    code = "request.read_too_large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One end of the connection."""

    address: str = ""
    port: int = 0


@dataclass(frozen=True, kw_only=True)
class ScriptRequest:
    """What a script sees of the request. Names of headers, parameters and cookies are matched without case."""

    method: str
    #: Percent-decoded.
    path: str
    #: The query string as it arrived, without what was a credential.
    query: str = ""
    #: Names in lower case; several headers of one name are joined.
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: What the route's path names, converted.
    path_params: Mapping[str, Value] = field(default_factory=dict)
    host: str = ""
    #: Whether the client came by HTTPS; ``https_here``: to this server, without a listed proxy's word.
    https: bool = False
    https_here: bool = False
    local: Peer = Peer()
    remote: Peer = Peer()
    http_version: str = "1.1"

    @property
    def content_type(self) -> str:
        """``Content-Type`` as it arrived."""
        return self.headers.get("content-type", "")

    @cached_property
    def charset(self) -> str:
        """The encoding of the content; UTF-8 where none is named, or none that is known."""
        return charset_of(self.content_type) or "utf_8"

    def text(self) -> str:
        """The content as a text; octets that are none become U+FFFD. Raises :class:`ContentTooLarge`."""
        if len(self.body) > MOST_CONTENT:
            raise ContentTooLarge
        return decoder(self.charset)(self.body, True)

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The query string: names in lower case, the last value of each; more than 1,000 are not read."""
        return pairs(self.query)

    @cached_property
    def form(self) -> Form:
        """The form in the content, empty for other contents; raises ``BadForm``."""
        return read_form(self.body, self.content_type)

    @cached_property
    def cookies(self) -> Sequence[tuple[str, str]]:
        """The cookies in their order; those of the engine are never among them."""
        pairs = [pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";")]
        return [(name, value) for name, equals, value in pairs if equals]

    @cached_property
    def message(self) -> str:
        """The head of the request as HTTP writes it, and its content."""
        target = f"{self.path}?{self.query}" if self.query else self.path
        lines = [f"{self.method} {target} HTTP/{self.http_version}", *(f"{name}: {text}" for name, text in self._lines)]
        return "\r\n".join(lines) + "\r\n\r\n" + self.text()

    @property
    def _lines(self) -> Sequence[tuple[str, str]]:
        return [(name.title(), text) for name, text in self.headers.items()]


class Reader:
    """The content, read piece by piece."""

    def __init__(self, request: ScriptRequest) -> None:
        self._body = request.body
        self._decode = decoder(request.charset)
        self._at = 0

    @property
    def begun(self) -> bool:
        """Whether a piece was taken."""
        return self._at > 0

    def read(self, size: int) -> str:
        """The text of the next ``size`` bytes, empty at the end; raises :class:`ReadTooLarge`, ``BadRequest``."""
        if size > MOST_READ:
            raise ReadTooLarge
        if size <= 0:
            raise BadRequest("request.read takes a number of bytes, more than 0")
        piece = self._body[self._at : self._at + size]
        self._at += len(piece)
        return self._decode(piece, self._at == len(self._body))


@dataclass(slots=True, kw_only=True)
class Exchange:
    """One request and the answer that is being made."""

    request: ScriptRequest
    response: ScriptResponse
    #: Raises what keeps the answer from carrying a new handle of the session: asked before a login or logout.
    may_hand_over: Callable[[], None] = lambda: None
    #: The last error of ours that a host function has raised: what the client is told where the script lets it through.
    raised: SojournError | None = None
    #: Milliseconds for which scripts say that they wait for content; it has all arrived before they begin.
    read_timeout: int = 60_000
    _reader: Reader | None = None

    @property
    def reader(self) -> Reader:
        """Where ``request.read`` goes on."""
        if self._reader is None:
            self._reader = Reader(self.request)
        return self._reader

    def content(self) -> str:
        """The whole content; raises :class:`ContentTooLarge`, :class:`ContentConsumed`."""
        if self._reader is not None and self._reader.begun:
            raise ContentConsumed
        return self.request.text()

    async def form(self) -> Form:
        """The form in the content; a large one is read in a thread. Raises ``BadForm``."""
        if len(self.request.body) > _IN_A_THREAD:
            return await asyncio.to_thread(lambda: self.request.form)
        return self.request.form

    def before_identity_changes(self) -> None:
        """Raise where the client could not be given the session's new handle.

        ``ResponseAlreadySent`` once the answer is on its way, ``CrossSiteWrite``, ``InsecureCookie``.
        """
        self.response.check_open()
        self.may_hand_over()


def under_way(found: object) -> Exchange:
    """``found``, the exchange of an execution; raises :class:`NoRequest` where it serves no request."""
    if not isinstance(found, Exchange):
        raise NoRequest
    return found
