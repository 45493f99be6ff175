"""Who asks the engine: one origin, no redirects, a bounded rate, and no secret in what is told afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from sojourn.core import json
from sojourn.core.errors import InvalidJson, SojournError

if TYPE_CHECKING:
    from httpx2 import AsyncBaseTransport, AsyncClient

#: Requests in one second, at most.
RATE = 25

#: Seconds that an answer may take.
PATIENCE = 30.0

#: Octets of an answer that are read.
_MOST_BODY = 1_000_000

#: Shorter texts are no secrets, and may stand anywhere.
_SHORTEST_SECRET = 12

Pair = tuple[str, str]


class NoOrigin(SojournError):
    """The URL is no origin: expected http://HOST[:PORT] or https://HOST[:PORT]."""

    code = "attest.url"


class NoAnswer(SojournError):
    """The engine does not answer."""

    code = "attest.no_answer"


class Cookie(NamedTuple):
    """A cookie as an answer set it."""

    name: str
    value: str
    #: Attributes by name in lower case; empty text for those without a value.
    attributes: Mapping[str, str]
    #: Octets of name and value.
    size: int

    @property
    def shown(self) -> Pair:
        """The header with which a browser shows it."""
        return ("cookie", f"{self.name}={self.value}")

    @property
    def expires_at_once(self) -> bool:
        """Whether it removes the cookie."""
        return self.attributes.get("max-age") == "0"


class Seen(NamedTuple):
    """One answer."""

    #: What was asked, without anything that is secret.
    asked: str
    status: int
    headers: Sequence[Pair]
    body: bytes
    #: How long it took, in seconds.
    took: float

    def header(self, name: str) -> str:
        """The values of a header, with commas between; empty when it is absent."""
        return ", ".join(value for known, value in self.headers if known == name)

    @property
    def cookies(self) -> Sequence[Cookie]:
        """What it sets."""
        return [_cookie(value) for known, value in self.headers if known == "set-cookie"]

    def json(self) -> Any:
        """The body; an empty object when it is not JSON."""
        try:
            return json.decode(self.body)
        except InvalidJson:
            return {}

    def member(self, name: str) -> str:
        """A text of the body; empty when there is none."""
        value = self.json()
        found = value.get(name, "") if isinstance(value, dict) else ""
        return found if isinstance(found, str) else ""

    def __str__(self) -> str:
        code = self.member("code")
        reason = self.member("reason")
        return " ".join(filter(None, (self.asked, "->", str(self.status), code, reason)))


class Visitor:
    """Asks one origin."""

    def __init__(self, origin: str, client: AsyncClient, *, rate: float = RATE) -> None:
        self.origin = origin
        self._client = client
        self._gap = 1 / rate
        self._next = 0.0
        self._secrets: set[str] = set()

    @property
    def https(self) -> bool:
        """Whether the origin is one of HTTPS."""
        return self.origin.startswith("https:")

    async def ask(self, method: str, path: str, *headers: Pair, value: Any = None, body: bytes | None = None) -> Seen:
        """One request, with ``value`` as JSON or with ``body`` as it is. Raises :class:`NoAnswer`."""
        import httpx2

        sent = list(headers)
        if value is not None:
            body = json.encode(value)
            sent.append(("content-type", "application/json"))
        await self._pace()
        began = time.monotonic()
        try:
            request = self._client.build_request(method, self.origin + path, headers=sent, content=body)
            answer = await self._client.send(request, follow_redirects=False)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise NoAnswer(f"{method} {path.partition('?')[0]}: {type(error).__name__}") from None
        took = time.monotonic() - began
        # A visitor that kept cookies would show more than a check wants to show.
        self._client.cookies.clear()
        pairs = [(name.lower(), text) for name, text in answer.headers.multi_items()]
        seen = Seen(f"{method} {path.partition('?')[0]}", answer.status_code, pairs, answer.content[:_MOST_BODY], took)
        self.hide(seen.member("token"), *(part for cookie in seen.cookies for part in cookie.value.split(".")))
        return seen

    def hide(self, *secrets: str) -> None:
        """From now on these are in nothing that is told."""
        self._secrets.update(text for text in secrets if len(text) >= _SHORTEST_SECRET)

    def told(self, text: str) -> str:
        """``text`` without any secret that was sent or seen."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    async def _pace(self) -> None:
        now = time.monotonic()
        self._next = max(self._next + self._gap, now)
        if self._next > now:
            await asyncio.sleep(self._next - now)


@asynccontextmanager
async def visiting(
    url: str, transport: AsyncBaseTransport | None = None, *, rate: float = RATE
) -> AsyncIterator[Visitor]:
    """A visitor of the origin ``url``. Raises :class:`NoOrigin`."""
    import httpx2

    where = origin(url)
    limits = httpx2.Limits(max_connections=4)
    # No proxy, no netrc, nothing of the environment comes between.
    async with httpx2.AsyncClient(transport=transport, trust_env=False, timeout=PATIENCE, limits=limits) as client:
        yield Visitor(where, client, rate=rate)


def origin(url: str) -> str:
    """``url`` as an origin. Raises :class:`NoOrigin`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NoOrigin from None
    whole = (
        parts.scheme in ("http", "https") and parts.hostname and not (parts.username or parts.query or parts.fragment)
    )
    if not whole or parts.path not in ("", "/"):
        raise NoOrigin
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _cookie(text: str) -> Cookie:
    pair, *rest = text.split(";")
    name, _, value = pair.partition("=")
    attributes = {key.strip().lower(): said.strip() for key, _, said in (part.partition("=") for part in rest)}
    return Cookie(name.strip(), value.strip(), attributes, len(name.strip()) + len(value.strip()))
