"""The laws of session stores.

A backend's test is a class with a fixture ``store`` that gives an empty open store; it inherits the laws of the port and
of each power that the store has::

    class TestMine(SessionStoreLaws, TombstoneLaws):
        @pytest.fixture
        async def store(self):
            async with open_mine() as store:
                yield store

Every law watches a session of a second realm, which must come out unchanged. Time is an argument; no law sleeps.
"""

from __future__ import annotations

import pytest

from sojourn.testing.interleaving.laws import BagInterleavingLaws, InterleavingLaws
from sojourn.testing.session_laws.bounds import BoundsLaws
from sojourn.testing.session_laws.changing import ChangingLaws
from sojourn.testing.session_laws.ending import EndingLaws
from sojourn.testing.session_laws.expiring import ExpiringLaws
from sojourn.testing.session_laws.idling import IdlingLaws
from sojourn.testing.session_laws.limiting import LimitingLaws
from sojourn.testing.session_laws.listing import ListingLaws
from sojourn.testing.session_laws.measuring import CountLaws, TimedLaws
from sojourn.testing.session_laws.outliving import OutlivingLaws
from sojourn.testing.session_laws.powers import (
    DurableLaws,
    LifecycleLaws,
    MarkedLaws,
    TombstoneLaws,
)
from sojourn.testing.session_laws.reading import ReadingLaws
from sojourn.testing.session_laws.sharing import SharingLaws
from sojourn.testing.session_laws.taking import OneTimeLaws
from sojourn.testing.session_laws.trying import ThrottleLaws

__all__ = [
    "BagInterleavingLaws",
    "BagLaws",
    "CountLaws",
    "DurableLaws",
    "InterleavingLaws",
    "LifecycleLaws",
    "MarkedLaws",
    "OneTimeLaws",
    "SessionStoreLaws",
    "ThrottleLaws",
    "TimedLaws",
    "TombstoneLaws",
]


class SessionStoreLaws(
    ReadingLaws, ChangingLaws, BoundsLaws, EndingLaws, ExpiringLaws, IdlingLaws, LimitingLaws, ListingLaws
):
    """Laws of :class:`sojourn.stores.base.SessionStore`."""

    pytestmark = pytest.mark.anyio

    @pytest.fixture
    def anyio_backend(self) -> str:
        """The laws run on asyncio."""
        return "asyncio"


class BagLaws(SharingLaws, OutlivingLaws):
    """Laws of :class:`sojourn.stores.base.Bags`."""
