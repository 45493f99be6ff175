"""An HTTP server whose cost per request is known: so many microseconds of CPU, so many milliseconds of waiting."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections import Counter


def spin(microseconds: float) -> None:
    """Use that much CPU time, however busy the machine is."""
    end = time.process_time() + microseconds / 1e6
    while time.process_time() < end:
        pass


def spin_in_child(microseconds: float) -> None:
    """The same in a child process that ends and is awaited."""
    child = os.fork()
    if child == 0:
        spin(microseconds)
        os._exit(0)
    os.waitpid(child, 0)


async def serve(options: argparse.Namespace) -> None:
    seen: Counter[str] = Counter()

    async def work(path: str) -> bytes:
        if path == "/":
            return b"{}"
        if path == "/seen":
            return json.dumps(seen).encode()
        seen[path] += 1
        (spin_in_child if options.child else spin)(options.busy)
        if options.wait:
            await asyncio.sleep(options.wait / 1e3)
        return b"{}"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            while (await reader.readline()).strip():
                pass
            path = line.split()[1].decode()
            body = await work(path)
            status = options.status if path != "/" else 200
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", options.port)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--busy", type=float, default=0)
    parser.add_argument("--wait", type=float, default=0)
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--child", action="store_true")
    asyncio.run(serve(parser.parse_args()))
