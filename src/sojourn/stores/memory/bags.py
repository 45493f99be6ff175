"""Shared bags of the memory store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sojourn.model.field import Changed, Field, Limits, Op, apply, check_total, size

#: (realm, principal).
Key = tuple[str, str]
LastDeath = Callable[[str, str], int]


@dataclass(slots=True)
class _Bag:
    #: Milliseconds that it outlives the last session of its principal.
    idle: int
    #: The latest instant at which a session ceased to be one of its principal: by its end, or by a rotation.
    left: int
    version: int = 0
    fields: Mapping[str, Field] = field(default_factory=dict)


class MemoryBags:
    """One bag for each (realm, principal); no ``await`` inside an act.

    ``last_death(realm, principal)`` tells when the last session of the principal that has not ended will die, 0 without
    any. A bag is over from ``idle`` after the later of that and of ``left`` on.
    """

    def __init__(self) -> None:
        self._bags: dict[Key, _Bag] = {}

    def known(self) -> Sequence[Key]:
        """Of which principals there are bags."""
        return list(self._bags)

    def read(self, key: Key, now: int, last_death: LastDeath) -> dict[str, Field]:
        """The fields, as a copy; empty when the bag is over."""
        bag = self._bags.get(key)
        return dict(bag.fields) if bag is not None and not _is_over(bag, key, now, last_death) else {}

    def change(self, key: Key, ops: Sequence[Op], now: int, *, idle: int, limits: Limits) -> Changed:
        """Apply ``ops``; a session of the principal lives."""
        bag = self._bags.get(key) or _Bag(idle, now)
        writes, values = apply(ops, bag.fields, limits)
        version = bag.version + 1
        fields = {name: field for name, field in bag.fields.items() if name not in writes}
        fields |= {name: Field(version, text) for name, text in writes.items() if text is not None}
        if ops:
            total = sum(size(name, field.text) for name, field in fields.items())
            check_total(ops[-1].name, len(fields), total, limits)
        self._bags[key] = _Bag(idle, bag.left, version, fields)
        return Changed(version, values)

    def drop(self, realm: str, principal: str) -> None:
        """Forget it."""
        self._bags.pop((realm, principal), None)

    def left(self, realm: str, principal: str, at: int) -> None:
        """A session of the principal died at ``at``, or became another's."""
        bag = self._bags.get((realm, principal))
        if bag is not None:
            bag.left = max(bag.left, at)

    def expire(self, key: Key, now: int, last_death: LastDeath) -> None:
        """Forget it when it is over."""
        bag = self._bags.get(key)
        if bag is not None and _is_over(bag, key, now, last_death):
            del self._bags[key]


def _is_over(bag: _Bag, key: Key, now: int, last_death: LastDeath) -> bool:
    return now >= max(bag.left, last_death(*key)) + bag.idle
