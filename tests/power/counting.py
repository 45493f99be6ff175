"""What a store must have after a power failure, by the lines that its writer printed for each acknowledgement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sojourn.testing.law import HERE, T


async def missing(store: Any, said: Sequence[bytes]) -> int:
    """How many acknowledged acts are gone; nothing may be there that nobody asked for."""
    counted: defaultdict[str, int] = defaultdict(int)
    ended = []
    for line in said:
        what, sid, number = line.decode().split()
        if what == "ended":
            ended.append(sid)
        else:
            counted[sid] = max(counted[sid], int(number))
    gone = 0
    for sid, last in counted.items():
        loaded = await store.load(HERE, sid, T)
        found = int(loaded.fields["n"].text) if loaded else 0
        assert found <= last + 1, "a change that nobody asked for"
        gone += found < last
    for sid in ended:
        gone += await store.why(HERE, sid, T) is None
    return gone
