"""Where changes of session fields are written down, in realms that ask for it (``fieldAuditing``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sojourn.engine.access import Access
from sojourn.model.field import Op


class FieldLog(Protocol):
    """Keeps which fields are changed, never what they hold."""

    async def changing(self, access: Access, ops: Sequence[Op]) -> None:
        """Write down that ``ops`` are about to be done; on disk when this returns, and what it raises refuses them."""

    async def refused(self, access: Access, ops: Sequence[Op], code: str) -> None:
        """Write down that they were not done."""
