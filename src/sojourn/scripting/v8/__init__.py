"""The runtime ``v8``: one Deno process for each environment, started without any permission."""

from __future__ import annotations

from sojourn.scripting.v8.runtime import V8Runtime
from sojourn.scripting.v8.spawn import find_deno


async def open_runtime() -> V8Runtime:
    """The runtime; raises ``RuntimeMissing`` with the way to install it when the extra ``v8`` is not there."""
    return V8Runtime(find_deno())


__all__ = ["V8Runtime", "open_runtime"]
