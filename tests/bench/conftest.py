"""Synthetic servers whose cost is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.server import Server, free_port, python

Start = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a synthetic server: ``start("--busy", "1000")``."""
    with ExitStack() as stack:

        def begin(*options: str) -> Server:
            port = free_port()
            command = python(str(Path(__file__).with_name("synthetic_server.py")), str(port), *options)
            return stack.enter_context(Server("synthetic", command, port))

        yield begin
