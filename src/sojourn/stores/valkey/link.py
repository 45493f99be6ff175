"""The connection: every command goes through :class:`Link`, which says of a failure whether anything may have been written.

The client reconnects by itself, but it does not tell a command that waits for a connection from one that was sent. So a
link that is in doubt (after a failure, or a while without an answer) is asked with PING first: what waits for the
PING was surely not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, cast

import msgspec
from glide import (
    AdvancedGlideClientConfiguration,
    AdvancedGlideClusterClientConfiguration,
    AllPrimaries,
    BackoffStrategy,
    Batch,
    ClusterBatch,
    GlideClient,
    GlideClientConfiguration,
    GlideClusterClient,
    GlideClusterClientConfiguration,
    GlideError,
    Logger,
    LogLevel,
    NodeAddress,
    Script,
    ServerCredentials,
    SlotKeyRoute,
    SlotType,
    TlsAdvancedConfiguration,
)

from sojourn.config.valkey_url import Place
from sojourn.core.errors import OutcomeUnknown, StoreReadOnly, StoreUnavailable
from sojourn.stores.valkey.failures import is_loss, typed

#: Seconds after which a command is given up; its outcome is unknown then.
ANSWER_WITHIN = 4.0

#: Milliseconds that replicas have to acknowledge an end or a rotation, where the place asks for that.
REPLICATED_WITHIN = 1_000

#: Seconds that a command waits for the link to prove itself; nothing has been sent then.
PROVED_WITHIN = 1.0

#: Seconds without an answer after which the link has to prove itself.
QUIET = 0.25

_CONNECT_WITHIN = 3_000
_IN_FLIGHT = 20_000

Text = str | bytes
_packed = msgspec.msgpack.Encoder().encode
Client = GlideClient | GlideClusterClient


class Batched(Protocol):
    """The commands that the store sends many of at once; both clients' batches have them."""

    def hmget(self, key: Text, fields: list[Text]) -> Any: ...  # noqa: D102
    def hgetall(self, key: Text) -> Any: ...  # noqa: D102
    def custom_command(self, command_args: list[Text]) -> Any: ...  # noqa: D102


class Link:
    """One client of a server or a cluster. Tests step between commands by overriding :meth:`script`."""

    def __init__(self, client: Client, place: Place) -> None:
        self.client = client
        self.place = place
        self._doubts: set[str] = set()
        self._probes: dict[str, asyncio.Task[object]] = {}
        self._heard = asyncio.get_running_loop().time()
        self._closed = False
        #: Commands that were answered, and those whose connection broke.
        self.answers = 0
        self.losses = 0

    @classmethod
    async def open(cls, place: Place) -> Link:
        """Connect. Raises ``StoreUnavailable``, also for plain text to another machine."""
        if not place.tls and not place.is_local:
            raise StoreUnavailable(
                f"plain text to {place.text} would show sessions to the network: use valkeys:// or rediss://"
            )
        Logger.init(LogLevel.OFF)
        try:
            return cls(await _connect(place), place)
        except (GlideError, OSError) as error:
            raise _refusal(error, place) from None

    async def script(self, script: Script, key: Sequence[str], args: Sequence[str], *, writes: bool) -> Any:
        """Run ``script`` on keys of one slot. ``writes`` = a lost answer is ``OutcomeUnknown``, never repeated."""
        await self._assured(key[0])
        try:
            # In one argument: the client needs some microseconds for each.
            answer = await self.client.invoke_script(script, cast("list[Text]", key), [_packed(args)])
        except GlideError as error:
            raise self._failed(error, key[0], sent=writes) from error
        self._heard = asyncio.get_running_loop().time()
        self.answers += 1
        return answer

    async def whole(self, key: str) -> dict[bytes, bytes]:
        """A hash with all of its elements; empty when there is none."""
        await self._assured(key)
        try:
            answer = await self.client.hgetall(key)
        except GlideError as error:
            raise self._failed(error, key, sent=False) from error
        self._heard = asyncio.get_running_loop().time()
        self.answers += 1
        return answer

    async def command(self, key: str, *words: Text, writes: bool = False) -> Any:
        """One command on the node that has ``key``."""
        await self._assured(key)
        try:
            if isinstance(self.client, GlideClusterClient):
                answer = await self.client.custom_command(list(words), SlotKeyRoute(SlotType.PRIMARY, key))
            else:
                answer = await self.client.custom_command(list(words))
        except GlideError as error:
            raise self._failed(error, key, sent=writes) from error
        self._heard = asyncio.get_running_loop().time()
        return answer

    async def everywhere(self, *words: str) -> dict[str, Any]:
        """One command on every primary: address -> answer."""
        if not isinstance(self.client, GlideClusterClient):
            return {"": await self.command("", *words)}
        try:
            answers = await self.client.custom_command(list(words), AllPrimaries())
        except GlideError as error:
            raise self._failed(error, "", sent=False) from error
        if not isinstance(answers, dict):
            return {"": answers}  # one answer for all of them
        return {node.decode(): answer for node, answer in answers.items()}

    def batch(self) -> Any:
        """An empty batch of reads; its commands may be of different slots."""
        return Batch(is_atomic=False) if isinstance(self.client, GlideClient) else ClusterBatch(is_atomic=False)

    async def read(self, batch: Any) -> list[Any]:
        """The answers of a batch of reads."""
        await self._assured("")
        try:
            answers = await self.client.exec(batch, raise_on_error=True)
        except GlideError as error:
            raise self._failed(error, "", sent=False) from error
        self._heard = asyncio.get_running_loop().time()
        self.answers += 1
        return cast("list[Any]", answers)

    async def replicated(self, key: str) -> None:
        """Wait for as many replicas as the place asks for to have everything; raises ``OutcomeUnknown`` with fewer."""
        if self.place.wait:
            have = await self.command(key, "WAIT", str(self.place.wait), str(REPLICATED_WITHIN))
            if int(have) < self.place.wait:
                raise OutcomeUnknown

    async def close(self) -> None:
        """Let go of the connection; commands after this raise ``StoreUnavailable``."""
        if self._closed:
            return
        self._closed = True
        for probe in self._probes.values():
            probe.cancel()
        await asyncio.gather(*self._probes.values(), return_exceptions=True)
        await self.client.close()

    async def _assured(self, key: str) -> None:
        if self._closed:
            raise StoreUnavailable("the session store is closed")
        place = key if self.place.cluster else ""
        if place not in self._doubts and asyncio.get_running_loop().time() - self._heard < QUIET:
            return
        probe = self._probes.get(place)
        if probe is None:
            probe = self._probes[place] = asyncio.create_task(self._ping(place))
            probe.add_done_callback(lambda done: self._proved(place, done))
        done, _ = await asyncio.wait([probe], timeout=PROVED_WITHIN)
        if not done or probe.cancelled():
            raise StoreUnavailable
        if (error := probe.exception()) is not None:
            raise typed(error, sent=False) if isinstance(error, Exception) else error
        self._heard = asyncio.get_running_loop().time()
        self._doubts.discard(place)

    def _proved(self, place: str, probe: asyncio.Task[object]) -> None:
        self._probes.pop(place, None)
        if not probe.cancelled():
            probe.exception()  # whoever waited has it; perhaps nobody does any more

    async def _ping(self, key: str) -> object:
        if isinstance(self.client, GlideClusterClient) and key:
            return await self.client.ping(route=SlotKeyRoute(SlotType.PRIMARY, key))
        return await self.client.ping()

    def _failed(self, error: GlideError, key: str, *, sent: bool) -> Exception:
        if is_loss(error):
            self.losses += 1
            self._doubts.add(key if self.place.cluster else "")
        return typed(error, sent=sent)


def _refusal(error: Exception, place: Place) -> Exception:
    text = str(error)
    if "No primary" in text or "ReadOnly" in text:
        return StoreReadOnly(f"the server at {place.text} is a replica; the session store needs the primary")
    if any(word in text for word in ("WRONGPASS", "NOAUTH", "AuthenticationFailed", "Password authentication")):
        return StoreUnavailable(f"the server at {place.text} refuses this user or password")
    return StoreUnavailable(f"no session store answers at {place.text}; nothing was written")


async def _connect(place: Place) -> Client:
    addresses = [NodeAddress(host, port) for host, port in place.hosts] or [NodeAddress(unix_socket_path=place.socket)]
    credentials = ServerCredentials(place.password, place.user or None) if place.password else None
    tls = TlsAdvancedConfiguration(root_pem_cacerts=place.ca.read_bytes()) if place.ca else None
    again = BackoffStrategy(num_of_retries=3, factor=50, exponent_base=2)
    within = round(ANSWER_WITHIN * 1000)
    if place.cluster:
        return await GlideClusterClient.create(
            GlideClusterClientConfiguration(
                addresses,
                use_tls=place.tls,
                credentials=credentials,
                request_timeout=within,
                reconnect_strategy=again,
                inflight_requests_limit=_IN_FLIGHT,
                advanced_config=AdvancedGlideClusterClientConfiguration(_CONNECT_WITHIN, tls_config=tls),
            )
        )
    return await GlideClient.create(
        GlideClientConfiguration(
            addresses,
            use_tls=place.tls,
            credentials=credentials,
            request_timeout=within,
            reconnect_strategy=again,
            database_id=place.database,
            inflight_requests_limit=_IN_FLIGHT,
            advanced_config=AdvancedGlideClientConfiguration(_CONNECT_WITHIN, tls_config=tls),
        )
    )
