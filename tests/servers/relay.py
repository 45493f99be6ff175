"""A relay between a client and a real server, which hurts the answers on their way."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Self


class Relay:
    """Listens on 127.0.0.1, with TLS where it has a context, and forwards to ``port``."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._to = port
        self._tls = tls
        self._served: set[asyncio.Task[None]] = set()
        self._ways: set[asyncio.Task[None]] = set()
        #: Where it listens.
        self.port = 0
        #: How many bytes of an answer are forwarded at once; 0 = as they come.
        self.piece = 0
        #: Sent instead of the next answer.
        self.instead = b""
        #: The next answer ends after so many bytes, and the connection with it.
        self.cut = -1
        #: What clients wrote, as it was read.
        self.heard: list[bytes] = []
        #: How many clients came.
        self.clients = 0
        #: Answers go on while it is set.
        self.open = asyncio.Event()
        self.open.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._served)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients += 1
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
        ways = {asyncio.create_task(self._ask(reader, up_writer)), asyncio.create_task(self._answer(up_reader, writer))}
        self._ways |= ways
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        self._ways -= ways
        for one in (writer, up_writer):
            one.close()
            with suppress(OSError):
                await one.wait_closed()
        self._served.discard(task)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            self.heard.append(data)
            writer.write(data)
            await writer.drain()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            if self.instead:
                data, self.instead = self.instead, b""
            await self.open.wait()
            if self.cut >= 0:
                writer.write(data[: self.cut])
                self.cut = -1
                await writer.drain()
                return
            piece = self.piece or len(data)
            for start in range(0, len(data), piece):
                writer.write(data[start : start + piece])
                await writer.drain()
                await asyncio.sleep(0)
