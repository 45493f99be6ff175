"""One connection to one server: commands of all tasks go out in order, and their answers come back in the same order.

What a caller awaits is a future. Its result is the answer, or one of :data:`LOST`, :data:`UNSENT` and :data:`CROWDED`:
results and not exceptions, because nobody may be waiting any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

from hiredis import ProtocolError, Reader, ReplyError

#: The connection broke, or no answer came, after the command was handed to it: it was run or not.
LOST = ReplyError("lost")

#: The command was never handed to the connection.
UNSENT = ReplyError("unsent")

#: The same, because too many are waiting for their answers.
CROWDED = ReplyError("crowded")

#: Seconds between two looks at whether answers come. After one without any, commands are held back.
LOOK_EVERY = 0.25

#: How many looks a command is held back, and after how many without any answer the connection is given up.
HELD_FOR = 4
SILENT_FOR = 16

#: How many commands may wait for their answers.
MOST_WAITING = 20_000

# Bytes that may wait to be sent before commands are held back.
_MOST_BYTES = 8 << 20

_MORE = object()

Answer = asyncio.Future[Any]


class Wire(asyncio.Protocol):
    """A connection. It ends once and for all; ``on_end`` is called then."""

    def __init__(self, on_end: Callable[[Wire], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_end = on_end
        self._transport: asyncio.Transport | None = None
        self._reader = Reader(notEnoughData=_MORE)
        # Sent and not answered; of this turn of the loop, to be sent at its end; held back, with the look since which.
        self._waiting: deque[Answer] = deque()
        self._fresh: list[Answer] = []
        self._out: list[bytes] = []
        self._held: deque[tuple[int, bytes, Answer]] = deque()
        self._stalled = False
        self._choked = False
        self._heard = False
        self._looks = 0
        self._silent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._leaving = False
        #: Whether it has ended.
        self.over = False
        #: Done when its socket is closed.
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def send(self, command: bytes) -> Answer:
        """Send it at the end of this turn of the loop, together with all others of the turn."""
        answer: Answer = self._loop.create_future()
        if self.over:
            answer.set_result(UNSENT)
        elif self._stalled or self._choked:
            self._hold(command, answer)
        else:
            if not self._out:
                self._loop.call_soon(self._flush)
            self._out.append(command)
            self._fresh.append(answer)
        return answer

    async def ask(self, commands: Sequence[bytes]) -> list[Any]:
        """The answers of some commands that go out together."""
        answers = [self.send(command) for command in commands]
        if answers:
            await answers[-1]  # the last of them
        return [await answer for answer in answers]

    def leave(self) -> None:
        """Take no more commands, and close when all are answered."""
        self._leaving = True
        if not self._waiting and not self._out and not self._held:
            self.end()

    def end(self) -> None:
        """Close at once; what was sent and not answered is lost."""
        if self.over:
            return
        self.over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.abort()
        held = [answer for _, _, answer in self._held]
        for answers, what in ((self._waiting, LOST), (self._fresh, UNSENT), (held, UNSENT)):
            for answer in answers:
                if not answer.done():
                    answer.set_result(what)
        self._waiting.clear()
        self._fresh.clear()
        self._out.clear()
        self._held.clear()
        self._on_end(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(_MOST_BYTES)

    def data_received(self, data: bytes) -> None:
        """Answers, or parts of them."""
        self._heard = True
        reader, waiting = self._reader, self._waiting
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _MORE:
                answer = waiting.popleft()
                if not answer.done():
                    answer.set_result(reply)
        except (ProtocolError, IndexError):
            # Not the protocol, or an answer to nothing: whose the next one is cannot be known.
            self.end()
            return
        if self._stalled:
            self._stalled = False
            self._release()
        if self._leaving:
            self.leave()

    def eof_received(self) -> bool:
        """The server says no more."""
        self.end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        del exc
        self.end()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """The system takes no more bytes now."""
        self._choked = True

    def resume_writing(self) -> None:
        """It takes them again."""
        self._choked = False
        self._release()

    def _flush(self) -> None:
        if self._transport is None or not self._out:
            return
        if len(self._waiting) + len(self._fresh) > MOST_WAITING:
            self._refuse()
            return
        data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._waiting.extend(self._fresh)
        self._out.clear()
        self._fresh.clear()
        if self._timer is None:
            self._heard = False
            self._silent = 0
            self._timer = self._loop.call_later(LOOK_EVERY, self._look)
        self._transport.write(data)

    def _refuse(self) -> None:
        for answer in self._fresh:
            if not answer.done():
                answer.set_result(CROWDED)
        self._out.clear()
        self._fresh.clear()

    def _hold(self, command: bytes, answer: Answer) -> None:
        if len(self._held) >= MOST_WAITING:
            answer.set_result(CROWDED)
        else:
            self._held.append((self._looks, command, answer))

    def _release(self) -> None:
        """Send what was held back, but for those whose callers have gone."""
        if self._stalled or self._choked or not self._held:
            return
        held, self._held = self._held, deque()
        kept = [(command, answer) for _, command, answer in held if not answer.done()]
        if kept and not self._out:
            self._loop.call_soon(self._flush)
        self._out.extend(command for command, _ in kept)
        self._fresh.extend(answer for _, answer in kept)

    def _look(self) -> None:
        """Looks are counted, not seconds: a process that was itself stopped has not waited for its server."""
        self._timer = None
        if not self._waiting and not self._held:
            return
        self._looks += 1
        self._silent = 0 if self._heard else self._silent + 1
        self._heard = False
        if self._silent >= SILENT_FOR:
            self.end()
            return
        self._stalled = self._silent > 0
        while self._held and self._looks - self._held[0][0] >= HELD_FOR:
            _, _, answer = self._held.popleft()
            if not answer.done():
                answer.set_result(UNSENT)
        self._timer = self._loop.call_later(LOOK_EVERY, self._look)
