"""HTTP through the guard: a transport for httpx2 that connects only to addresses that were judged.

Every request is resolved and judged anew, one that follows a redirect too. TLS is verified against the host name although
the connection is made to an address. No proxy and no setting is taken from the environment.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any

import httpcore2
import httpx2

from sojourn.outbound.addresses import Network, Resolver, judged
from sojourn.outbound.errors import OutboundFailed

#: How long one step (connecting, a piece of the answer) may take, in seconds.
STEP = 5.0

_SCHEMES = frozenset({"http", "https"})


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections; the name is resolved here and nowhere else."""

    def __init__(self, allowed: Sequence[Network], resolver: Resolver, *, plain: bool) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._plain = plain
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the name is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first judged address that answers."""
        failed: Exception | None = None
        for address in await judged(host, port, self._allowed, self._resolver, plain=self._plain):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise OutboundFailed(f"{host} cannot be reached") from failed

    async def connect_unix_socket(self, *_args: Any, **_options: Any) -> httpcore2.AsyncNetworkStream:
        """There is none that anybody could name."""
        raise OutboundFailed("a socket of this machine cannot be reached from here")


class GuardedTransport(httpx2.AsyncBaseTransport):
    """The transport of a client: ``httpx2.AsyncClient(transport=GuardedTransport(…), trust_env=False)``."""

    def __init__(
        self, *, allowed: Sequence[Network], resolver: Resolver, most: int, tls: ssl.SSLContext | None = None
    ) -> None:
        """``most`` is the longest body of an answer in bytes; ``tls`` the trusted roots, default: this machine's."""
        context = tls or httpx2.create_ssl_context(trust_env=False)
        self._pools = {
            scheme: httpcore2.AsyncConnectionPool(
                ssl_context=context,
                network_backend=GuardedBackend(allowed, resolver, plain=scheme == "http"),
            )
            for scheme in _SCHEMES
        }
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send ``request``; raises :class:`OutboundFailed` and its kinds."""
        if request.url.scheme not in _SCHEMES or request.url.userinfo:
            raise OutboundFailed("only http and https addresses without user information can be reached")
        assert isinstance(request.stream, httpx2.AsyncByteStream)
        sent = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), STEP)},
        )
        try:
            answer = await self._pools[request.url.scheme].handle_async_request(sent)
        except _FAILURES as error:
            raise _failed(request.url.host, error) from error
        assert isinstance(answer.stream, AsyncIterable)
        stream = _Bounded(answer.stream, self._most, request.url.host)
        return httpx2.Response(answer.status, headers=answer.headers, stream=stream, extensions=answer.extensions)

    async def aclose(self) -> None:
        """Close what is open."""
        for pool in self._pools.values():
            await pool.aclose()


class _Bounded(httpx2.AsyncByteStream):
    """A body that breaks off where it gets too long."""

    def __init__(self, stream: AsyncIterable[bytes], most: int, host: str) -> None:
        self._stream = stream
        self._most = most
        self._host = host

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        try:
            async for part in self._stream:
                size += len(part)
                if size > self._most:
                    raise OutboundFailed(f"{self._host} answers with more than {self._most} bytes")
                yield part
        except _FAILURES as error:
            raise _failed(self._host, error) from error

    async def aclose(self) -> None:
        if hasattr(self._stream, "aclose"):
            await self._stream.aclose()


_FAILURES = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError)


def _failed(host: str, error: Exception) -> OutboundFailed:
    what = "does not answer in time" if isinstance(error, httpcore2.TimeoutException) else "cannot be reached"
    return OutboundFailed(f"{host} {what}: {error}" if str(error) else f"{host} {what}")
