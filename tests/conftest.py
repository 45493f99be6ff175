"""Fixtures that every test may use."""

import pytest

# Real servers, started once for a run and only when a test asks for one.
pytest_plugins = ["tests.servers.postgres", "tests.servers.valkey"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
