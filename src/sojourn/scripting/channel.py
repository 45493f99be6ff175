"""The server's end of the socket to a worker."""

from __future__ import annotations

import asyncio
import errno
from socket import socket

from sojourn.scripting.wire import PACKET, Assembly, packets

#: How long to wait when the system has no room for another packet and does not say when it will, in seconds.
_NO_ROOM = 0.001


class Channel:
    """Messages to and from one worker; it reads only when somebody waits for a message, so nothing piles up."""

    def __init__(self, end: socket, most: int) -> None:
        end.setblocking(False)
        self._socket = end
        self._loop = asyncio.get_running_loop()
        self._assembly = Assembly(most)
        self._number = 0
        self._waiter: asyncio.Future[bytes] | None = None
        self._room: asyncio.Future[None] | None = None
        #: A packet that was read for somebody who was cancelled before he could take it.
        self._left = b""
        self._watched = False
        #: Whether the worker said something, or hung up, while nobody waited for it.
        self._noise = False

    @property
    def most(self) -> int:
        """How many bytes a message of the worker may have."""
        return self._assembly.most

    @most.setter
    def most(self, most: int) -> None:
        self._assembly.most = most

    async def send(self, message: bytes) -> None:
        """Hand a message over; raises ``ConnectionError`` when the worker is gone."""
        self._number += 1
        for packet in packets(self._number, message):
            while not self._sent(packet):
                await self._writable()

    async def receive(self) -> bytes:
        """The next message. Raises ``ConnectionError`` when the worker is gone, ``ProtocolBroken``."""
        while True:
            message = self._assembly.add(await self._packet())
            if message is not None:
                return message

    def silent(self) -> bool:
        """Whether the worker has had nothing to say, as it should be between two tasks, and is still there."""
        if self._noise or self._left or self._watched:
            return not (self._noise or self._left)
        try:
            self._socket.recv(PACKET)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Hang up; may be called again."""
        self.rest()
        if self._room is not None and not self._room.done():
            self._loop.remove_writer(self._socket)
            self._room.set_exception(ConnectionError("closed"))
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionError("closed"))
        self._socket.close()

    def rest(self) -> None:
        """Stop watching the socket, until a message is waited for."""
        if self._watched:
            self._loop.remove_reader(self._socket)
            self._watched = False

    async def _packet(self) -> bytes:
        if self._socket.fileno() < 0:
            raise ConnectionError("closed")
        if self._left:
            packet, self._left = self._left, b""
            return packet
        waiter: asyncio.Future[bytes] = self._loop.create_future()
        self._waiter = waiter
        self._noise = False
        if not self._watched:
            self._loop.add_reader(self._socket, self._read)
            self._watched = True
        try:
            return await waiter
        except asyncio.CancelledError:
            # It may have come at the same time: then it is the first that the next one who waits gets.
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._left = waiter.result()
            raise
        finally:
            self._waiter = None

    def _read(self) -> None:
        if self._waiter is None or self._waiter.done():
            # It stays unread: who wants a message reads it, and what nobody wants keeps the worker waiting.
            self._noise = self._waiter is None
            self.rest()
            return
        try:
            packet = self._socket.recv(PACKET)
        except BlockingIOError:
            return
        except OSError as error:
            self._waiter.set_exception(ConnectionError(str(error)))
            return
        if packet:
            self._waiter.set_result(packet)
        else:
            self._waiter.set_exception(ConnectionError("the worker has hung up"))

    def _sent(self, packet: bytes) -> bool:
        try:
            self._socket.send(packet)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return False
            raise ConnectionError(str(error)) from None
        return True

    async def _writable(self) -> None:
        if self._socket.fileno() < 0:
            raise ConnectionError("closed")
        self._room = self._loop.create_future()
        self._loop.add_writer(self._socket, _settle, self._room)
        try:
            await self._room
            # Where the system has no room at all it says that there is room.
            await asyncio.sleep(_NO_ROOM)
        finally:
            if self._socket.fileno() >= 0:
                self._loop.remove_writer(self._socket)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
