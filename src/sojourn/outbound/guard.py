"""The egress guard: one request to somewhere outside, within bounds of address, size and time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sojourn.core.clock import SECOND
from sojourn.outbound.addresses import Network, Resolver, judged, resolve
from sojourn.outbound.errors import OutboundFailed

if TYPE_CHECKING:
    import httpx2

#: Longest body of an answer, in bytes.
MOST = 1 << 20

#: How long a request may take from the look-up of the name to the last byte, in milliseconds.
WITHIN = 10 * SECOND

_NO_HEADERS: Mapping[str, str] = {}


class Answer(NamedTuple):
    """What came back."""

    status: int
    #: By name in lower case; of several of one name the last.
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Guard:
    """Connects out on the word of somebody who is not trusted with the network of this machine."""

    def __init__(self, *, resolver: Resolver = resolve, tls: ssl.SSLContext | None = None) -> None:
        """``tls`` holds the trusted roots; default: those of this machine."""
        self._resolver = resolver
        self._tls = tls

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        body: bytes = b"",
        allowed: Sequence[Network] = (),
        most: int = MOST,
        within: int = WITHIN,
    ) -> Answer:
        """Ask ``url``. Redirects are not followed: a 3xx is an answer like any other.

        ``allowed`` are the networks that may be connected to besides public addresses; without TLS only loopback ones
        among them. Raises :class:`OutboundFailed`, and ``AddressRefused`` for an address that is not allowed.
        """
        try:
            async with asyncio.timeout(within / SECOND), self.client(allowed=allowed, most=most) as client:
                return await _ask(client, method, url, headers, body)
        except TimeoutError as error:
            raise OutboundFailed("a server outside does not answer in time") from error

    def client(self, *, allowed: Sequence[Network] = (), most: int = MOST) -> httpx2.AsyncClient:
        """A client of httpx2 whose every request, redirects that it follows included, goes through the guard."""
        # What connects out needs it, and starting the engine does not.
        import httpx2

        from sojourn.outbound.transport import GuardedTransport

        transport = GuardedTransport(allowed=allowed, resolver=self._resolver, most=most, tls=self._tls)
        return httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)

    async def addresses(self, host: str, port: int, allowed: Sequence[Network] = ()) -> Sequence[str]:
        """The addresses of ``host`` that may be connected to, for protocols other than HTTP.

        Connect to one of them, never to the name. Raises ``AddressRefused``, :class:`OutboundFailed`.
        """
        return await judged(host, port, allowed, self._resolver)


async def _ask(client: httpx2.AsyncClient, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    import httpx2

    # A packed body could be small here and large once unpacked, so none is asked for, and none taken.
    wanted = {"accept-encoding": "identity", "user-agent": "sojourn", **headers}
    try:
        async with client.stream(method, url, headers=wanted, content=body or None) as response:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise OutboundFailed(f"{response.url.host} answers in an encoding that was not asked for")
            whole = b"".join([part async for part in response.aiter_raw()])
            return Answer(response.status_code, dict(response.headers), whole)
    except (httpx2.InvalidURL, httpx2.HTTPError) as error:
        raise OutboundFailed(f"a server outside cannot be asked: {error}") from error
