"""A cluster, by the client of the Valkey project.

It reconnects by itself, but it does not tell a command that waits for a connection from one that was sent. So a link
that is in doubt (after a failure, or a while without an answer) is asked with PING first: what waits for the PING was
surely not sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Self, cast

import glide
from glide import (
    AdvancedGlideClusterClientConfiguration,
    AllPrimaries,
    BackoffStrategy,
    ClosingError,
    ClusterBatch,
    GlideClusterClient,
    GlideClusterClientConfiguration,
    GlideError,
    Logger,
    LogLevel,
    NodeAddress,
    ServerCredentials,
    SlotKeyRoute,
    SlotType,
    TlsAdvancedConfiguration,
)

from sojourn.config.valkey_url import Place
from sojourn.core.errors import OutcomeUnknown, StoreUnavailable
from sojourn.stores.valkey.failures import refusal, typed
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.packing import Text, as_one
from sojourn.stores.valkey.scripts import Script

#: Seconds that a command waits for the link to prove itself; nothing has been sent then.
PROVED_WITHIN = 1.0

#: Seconds without an answer after which the link has to prove itself.
QUIET = 0.25

_ANSWER_WITHIN = 4_000
_CONNECT_WITHIN = 3_000
_IN_FLIGHT = 20_000


class ClusterLink(Link):
    """One client of a cluster."""

    def __init__(self, client: GlideClusterClient, place: Place) -> None:
        super().__init__(place)
        self._client = client
        self._scripts: dict[Script, glide.Script] = {}
        self._doubts: set[str] = set()
        self._probes: dict[str, asyncio.Task[object]] = {}
        self._heard = asyncio.get_running_loop().time()
        self._closed = False

    @classmethod
    async def open(cls, place: Place) -> Self:
        """Connect. Raises ``StoreUnavailable``, ``StoreReadOnly``."""
        Logger.init(LogLevel.OFF)
        try:
            return cls(await _connect(place), place)
        except (GlideError, OSError) as error:
            raise refusal(str(error), place.text) from None

    async def script(self, script: Script, key: Sequence[str], args: Sequence[str], *, writes: bool) -> Any:
        """See :meth:`Link.script`."""
        await self._assured(key[0])
        known = self._scripts.get(script)
        if known is None:
            known = self._scripts[script] = glide.Script(script.text)  # type: ignore[no-untyped-call]
        try:
            # In one argument: the client needs some microseconds for each.
            answer = await self._client.invoke_script(known, cast("list[Text]", key), [as_one(args)])
        except GlideError as error:
            raise self._failed(error, key[0], sent=writes) from error
        return self._answered(answer)

    async def whole(self, key: str) -> Mapping[bytes, bytes]:
        """See :meth:`Link.whole`."""
        await self._assured(key)
        try:
            answer = await self._client.hgetall(key)
        except GlideError as error:
            raise self._failed(error, key, sent=False) from error
        return cast("Mapping[bytes, bytes]", self._answered(answer))

    async def command(self, key: str, *words: Text, writes: bool = False) -> Any:
        """See :meth:`Link.command`."""
        await self._assured(key)
        try:
            answer = await self._client.custom_command(list(words), SlotKeyRoute(SlotType.PRIMARY, key))
        except GlideError as error:
            raise self._failed(error, key, sent=writes) from error
        return self._answered(answer)

    async def everywhere(self, *words: str) -> dict[str, Any]:
        """See :meth:`Link.everywhere`."""
        try:
            answers = await self._client.custom_command(list(words), AllPrimaries())
        except GlideError as error:
            raise self._failed(error, "", sent=False) from error
        if not isinstance(answers, dict):
            return {"": answers}  # one answer for all of them
        return {node.decode(): answer for node, answer in answers.items()}

    async def read(self, commands: Sequence[Sequence[Text]]) -> list[Any]:
        """See :meth:`Link.read`."""
        await self._assured("")
        batch = ClusterBatch(is_atomic=False)
        for words in commands:
            batch.custom_command(list(words))
        try:
            answers = await self._client.exec(batch, raise_on_error=True)
        except GlideError as error:
            raise self._failed(error, "", sent=False) from error
        return cast("list[Any]", self._answered(answers))

    async def close(self) -> None:
        """See :meth:`Link.close`."""
        if self._closed:
            return
        self._closed = True
        for probe in self._probes.values():
            probe.cancel()
        await asyncio.gather(*self._probes.values(), return_exceptions=True)
        await self._client.close()

    def _answered(self, answer: Any) -> Any:
        self._heard = asyncio.get_running_loop().time()
        self.answers += 1
        return answer

    async def _assured(self, place: str) -> None:
        if self._closed:
            raise StoreUnavailable("the session store is closed")
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
            raise _typed(error, sent=False) if isinstance(error, GlideError) else error
        self._heard = asyncio.get_running_loop().time()
        self._doubts.discard(place)

    def _proved(self, place: str, probe: asyncio.Task[object]) -> None:
        self._probes.pop(place, None)
        if not probe.cancelled():
            probe.exception()  # whoever waited has it; perhaps nobody does any more

    async def _ping(self, key: str) -> object:
        if key:
            return await self._client.ping(route=SlotKeyRoute(SlotType.PRIMARY, key))
        return await self._client.ping()

    def _failed(self, error: GlideError, key: str, *, sent: bool) -> Exception:
        if _is_loss(error):
            self.losses += 1
            self._doubts.add(key)
        return _typed(error, sent=sent)


def _is_loss(error: GlideError) -> bool:
    """Whether the connection is at fault, so that the command may or may not have been run."""
    return isinstance(error, glide.ConnectionError | glide.TimeoutError)


def _typed(error: GlideError, *, sent: bool) -> Exception:
    if isinstance(error, ClosingError):
        return StoreUnavailable("the session store is closed")
    if _is_loss(error):
        return OutcomeUnknown() if sent else StoreUnavailable()
    return typed(str(error), sent=sent)


async def _connect(place: Place) -> GlideClusterClient:
    tls = TlsAdvancedConfiguration(root_pem_cacerts=place.ca.read_bytes()) if place.ca else None
    return await GlideClusterClient.create(
        GlideClusterClientConfiguration(
            [NodeAddress(host, port) for host, port in place.hosts],
            use_tls=place.tls,
            credentials=ServerCredentials(place.password, place.user or None) if place.password else None,
            request_timeout=_ANSWER_WITHIN,
            reconnect_strategy=BackoffStrategy(num_of_retries=3, factor=50, exponent_base=2),
            inflight_requests_limit=_IN_FLIGHT,
            advanced_config=AdvancedGlideClusterClientConfiguration(_CONNECT_WITHIN, tls_config=tls),
        )
    )
