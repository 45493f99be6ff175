"""The certified ``oidc-provider`` of npm as a process, where Node and its package are; see ``oidc_provider/``."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.patience import HANGS

HERE = Path(__file__).parent / "oidc_provider"
CLIENT_ID, CLIENT_SECRET = "sojourn", "the client secret"


class Certified(NamedTuple):
    """A running provider."""

    issuer: str
    process: asyncio.subprocess.Process

    async def rotate(self) -> None:
        """Sign with another key from now on."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"rotate\n")
        await said(self.process, b"rotated")

    async def logout(self) -> bytes:
        """The next back-channel logout, as it would be posted."""
        return await said(self.process, b"logout ")


@asynccontextmanager
async def certified_provider(redirect_uri: str, logout_uri: str) -> AsyncIterator[Certified]:
    """The provider with one client; skips the test where Node or the package is missing."""
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("needs Node.js and the npm package oidc-provider (make test installs it where npm is)")
    settings = {
        "REDIRECT_URI": redirect_uri,
        "LOGOUT_URI": logout_uri,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
    }
    process = await asyncio.create_subprocess_exec(
        node,
        str(HERE / "server.mjs"),
        env=settings,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await said(process, b"listens on ")
        yield Certified(f"http://127.0.0.1:{port.decode()}", process)
    finally:
        process.kill()
        await process.wait()


async def said(process: asyncio.subprocess.Process, begin: bytes) -> bytes:
    """The rest of the next line that begins with ``begin``, among notices of the process's own."""
    assert process.stdout is not None
    async with asyncio.timeout(HANGS):
        while not (line := await process.stdout.readline()).startswith(begin):
            assert line, "the provider has ended"
    return line.removeprefix(begin).strip()
