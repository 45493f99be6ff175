"""The laws as tests of the store that ``--sojourn-store`` names: ``pytest --pyargs sojourn.testing.suite …``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module

import pytest

from sojourn.stores.base import SessionStore
from sojourn.testing.stores import (
    BagInterleavingLaws,
    BagLaws,
    CountLaws,
    InterleavingLaws,
    LifecycleLaws,
    MarkedLaws,
    OneTimeLaws,
    SessionStoreLaws,
    ThrottleLaws,
    TimedLaws,
    TombstoneLaws,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    """The laws run on asyncio."""
    return "asyncio"


@pytest.fixture
async def store(pytestconfig: pytest.Config) -> AsyncIterator[SessionStore]:
    """A new store for each law."""
    module, _, function = pytestconfig.getoption("--sojourn-store").partition(":")
    async with getattr(import_module(module), function)() as opened:
        yield opened


class TestSessionStore(SessionStoreLaws):
    """The port."""


class TestInterleavings(InterleavingLaws):
    """Clients that meet at a session."""


class TestTombstones(TombstoneLaws):
    """Power ``tombstones``."""


class TestBags(BagLaws):
    """Power ``bags``."""


class TestBagInterleavings(BagInterleavingLaws):
    """Clients that meet at a bag."""


class TestOneTime(OneTimeLaws):
    """Power ``one_time``."""


class TestThrottle(ThrottleLaws):
    """Power ``throttle``; its laws need ``one_time`` too."""


class TestCounted(CountLaws):
    """Power ``counted``."""


class TestTimed(TimedLaws):
    """Power ``timed``."""


class TestMarked(MarkedLaws):
    """Power ``marked``."""


class TestLifecycle(LifecycleLaws):
    """Power ``lifecycle``."""
