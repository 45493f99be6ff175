"""A proxy before PostgreSQL that pools transactions: two lines to the server, handed out for one transaction at a time."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Line = tuple[StreamReader, StreamWriter]

# Requests for TLS and for GSS encryption, which come before anything else.
_ENCRYPTION = tuple(code.to_bytes(4, "big") for code in (80877103, 80877104))
_SYNC = b"S"
_QUERY = b"Q"
_TERMINATE = b"X"
_READY = b"Z"


@asynccontextmanager
async def transaction_pooler(port: int) -> AsyncIterator[int]:
    """A port on 127.0.0.1 behind which the server at ``port`` is shared; nothing of a connection outlives a transaction."""
    pooler = _Pooler(port)
    listening = await asyncio.start_server(pooler.serve, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        pooler.close()


class _Pooler:
    def __init__(self, port: int) -> None:
        self._port = port
        self._lines: asyncio.Queue[Line] = asyncio.Queue()
        self._made: list[Line] = []

    def close(self) -> None:
        for _, writer in self._made:
            writer.close()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while (start := await _sized(reader))[4:] in _ENCRYPTION:
                writer.write(b"N")
            await self._begin(start, writer)
            while True:
                batch = await _until(reader, (_SYNC, _QUERY, _TERMINATE))
                if batch[-5:-4] == _TERMINATE:
                    break
                line = await self._lines.get()  # the one that was free longest: hardly ever the last one
                line[1].write(batch)
                writer.write(await _until(line[0], (_READY,)))
                self._lines.put_nowait(line)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _begin(self, start: bytes, writer: StreamWriter) -> None:
        """Greet the client with what the server says to a new line, and keep the first lines for all."""
        line = await asyncio.open_connection("127.0.0.1", self._port)
        self._made.append(line)
        line[1].write(start)
        writer.write(await _until(line[0], (_READY,)))
        if len(self._made) <= 2:
            self._lines.put_nowait(line)


async def _sized(reader: StreamReader) -> bytes:
    size = await reader.readexactly(4)
    return size + await reader.readexactly(int.from_bytes(size, "big") - 4)


async def _until(reader: StreamReader, kinds: tuple[bytes, ...]) -> bytes:
    """Messages up to the first of one of ``kinds``."""
    messages = b""
    while True:
        kind = await reader.readexactly(1)
        messages += kind + await _sized(reader)
        if kind in kinds:
            return messages
