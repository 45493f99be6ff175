"""One server, by a connection of our own that knows of each command whether it was sent.

Where the connection breaks it is made anew at once, then with growing pauses; a command that finds none waits for the
attempt under way. Nothing is ever sent twice, but for a script that the server answers it does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Self

from hiredis import ReplyError

from sojourn.config.valkey_url import Place
from sojourn.core.errors import OutcomeUnknown, StoreBusy, StoreUnavailable, Unavailable
from sojourn.stores.valkey.dial import Reached, dial
from sojourn.stores.valkey.failures import typed
from sojourn.stores.valkey.link import Link
from sojourn.stores.valkey.packing import Text, packed, paired
from sojourn.stores.valkey.scripts import Script
from sojourn.stores.valkey.wire import CROWDED, LOST, UNSENT, Wire

#: Seconds that a command waits for a connection; nothing has been sent then.
CONNECTED_WITHIN = 1.0

# Seconds between two attempts: the first pause, which nobody's asking shortens, and the longest.
_PAUSE = 0.05
_LONGEST_PAUSE = 1.0

# Seconds between two searches for another primary while the server says that it is a replica.
_SEEK_EVERY = 1.0

# How often a script is loaded for one call: another client may make the server forget it in between.
_LOADS = 3


class ServerLink(Link):
    """The connection to one server, made anew when it breaks. Tests step between commands by overriding :meth:`script`."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._loop = asyncio.get_running_loop()
        self._wire: Wire | None = None
        self._wires: set[Wire] = set()
        self._run = ""
        self._runs = 0
        self._attempt: asyncio.Task[None] | None = None
        self._began = 0.0
        self._failure: Unavailable | None = None
        self._pause = _PAUSE
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @classmethod
    async def open(cls, place: Place) -> Self:
        """Connect. Raises ``StoreUnavailable``; ``StoreReadOnly`` for a replica."""
        link = cls(place)
        link._take(await dial(place, link._ended))
        return link

    async def script(self, script: Script, key: Sequence[str], args: Sequence[str], *, writes: bool) -> Any:
        """See :meth:`Link.script`."""
        wire = self._wire or await self._connected()
        command = script.run(key, args)
        answer = await wire.send(command)
        if isinstance(answer, ReplyError):
            answer = await self._again(script, command, answer, writes=writes)
        self.answers += 1
        return answer

    async def whole(self, key: str) -> Mapping[bytes, bytes]:
        """See :meth:`Link.whole`."""
        wire = self._wire or await self._connected()
        name = key.encode()
        answer = await wire.send(b"*2\r\n$7\r\nHGETALL\r\n$%d\r\n%b\r\n" % (len(name), name))
        if isinstance(answer, ReplyError):
            raise self._failed(answer, writes=False)
        self.answers += 1
        return paired(answer)

    async def command(self, key: str, *words: Text, writes: bool = False) -> Any:
        """See :meth:`Link.command`."""
        del key
        wire = self._wire or await self._connected()
        answer = await wire.send(packed(words))
        if isinstance(answer, ReplyError):
            raise self._failed(answer, writes=writes)
        self.answers += 1
        return answer

    async def everywhere(self, *words: str) -> dict[str, Any]:
        """See :meth:`Link.everywhere`."""
        return {"": await self.command("", *words)}

    async def read(self, commands: Sequence[Sequence[Text]]) -> list[Any]:
        """See :meth:`Link.read`."""
        wire = self._wire or await self._connected()
        answers = await wire.ask([packed(words) for words in commands])
        for answer in answers:
            if isinstance(answer, ReplyError):
                raise self._failed(answer, writes=False)
        self.answers += 1
        return answers

    async def close(self) -> None:
        """See :meth:`Link.close`."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.wait([self._attempt])
        wires, self._wire = list(self._wires), None
        for wire in wires:
            wire.end()
            await wire.closed

    async def _again(self, script: Script, command: bytes, answer: ReplyError, *, writes: bool) -> Any:
        """The answer after the server got the script: it had not run it. Raises what any other answer says."""
        for _ in range(_LOADS):
            if not str(answer).startswith("NOSCRIPT"):
                break
            wire = self._wire or await self._connected()
            _, done = await wire.ask((script.load, command))
            if not isinstance(done, ReplyError):
                return done
            answer = done
        raise self._failed(answer, writes=writes)

    def _failed(self, answer: ReplyError, *, writes: bool) -> Exception:
        if answer is LOST:
            self.losses += 1
            return OutcomeUnknown() if writes else StoreUnavailable()
        if answer is UNSENT:
            return StoreUnavailable()
        if answer is CROWDED:
            return StoreBusy()
        text = str(answer)
        if text.startswith("READONLY"):
            self._seek()
        return typed(text, sent=writes)

    async def _connected(self) -> Wire:
        """The next connection. Raises when none comes about soon, or when there is reason to look at the server first."""
        runs = self._runs
        if not self._closed and self._attempt is None and self._loop.time() - self._began >= _PAUSE:
            self._begin()
        if self._attempt is not None:
            left = self._began + CONNECTED_WITHIN - self._loop.time()
            await asyncio.wait([self._attempt], timeout=max(left, 0))
        if self._wire is not None and (runs == self._runs or self.on_another_run is None):
            return self._wire
        if self._closed:
            raise StoreUnavailable("the session store is closed")
        raise type(self._failure)(self._failure.message) if self._failure else StoreUnavailable()

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._closed and self._attempt is None:
            self._began = self._loop.time()
            self._attempt = self._loop.create_task(self._dial())

    def _begin_later(self) -> None:
        if not self._closed:
            self._timer = self._loop.call_later(self._pause, self._begin)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    async def _dial(self) -> None:
        try:
            self._take(await dial(self.place, self._ended))
        except Unavailable as error:
            if self._wire is None:
                self._failure = error
                self._begin_later()
        finally:
            self._attempt = None

    def _take(self, reached: Reached) -> None:
        """Go on with this connection. Before anything is asked by it: whether the same run of the server is behind it."""
        before, self._wire = self._wire, reached.wire
        self._wires.add(reached.wire)
        self._failure, self._pause = None, _PAUSE
        if before is not None:
            before.leave()
        known, self._run = self._run, reached.run
        if known not in ("", reached.run):
            self._runs += 1
            if self.on_another_run is not None:
                self.on_another_run()

    def _ended(self, wire: Wire) -> None:
        self._wires.discard(wire)
        if wire is self._wire:
            self._wire = None
            if self._loop.time() - self._began >= _PAUSE:
                self._begin()
            else:
                self._begin_later()

    def _seek(self) -> None:
        """The server became a replica: another of the hosts, or what its name means now, may be the primary."""
        if self._loop.time() - self._began >= _SEEK_EVERY:
            self._begin()
