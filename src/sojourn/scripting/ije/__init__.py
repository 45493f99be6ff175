"""The runtime ``ije``: QuickJS-ng, one process for each global scope, forked from a zygote that has everything loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sojourn.scripting.runtime import Runtime


async def open_runtime() -> Runtime:
    """Start the zygote. Raises ``RuntimeMissing`` when the library is not installed or is not the one we know."""
    # The zygote imports this package too, and shall not carry the server's modules along.
    from sojourn.scripting.ije.runtime import IjeRuntime

    return await IjeRuntime.started()
