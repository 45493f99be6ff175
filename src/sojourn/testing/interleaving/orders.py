"""Every order in which several clients can take turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def orders(steps: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Each order once, as numbers of clients; client ``i`` has ``steps[i]`` steps, which keep their own order."""
    if not any(steps):
        yield ()
        return
    for client, left in enumerate(steps):
        if left:
            rest = [count - (other == client) for other, count in enumerate(steps)]
            for order in orders(rest):
                yield (client, *order)
