"""The Python face of GLOBAL fields: JSON values under names, every write one atomic act.

Values come back digit for digit as they were put: a number is an ``int``, a ``float`` wherever that keeps its text, else
a ``Decimal``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from sojourn.core import json
from sojourn.model import field
from sojourn.model.field import Changed, Field, Op

#: Integers below this, the everyday ones, need no decimal to be spelled.
_SMALL = 2**63


class Versioned(NamedTuple):
    """The value of a field with the version that :meth:`Fields.put_if` compares; version 0 = absent."""

    value: Any
    version: int


class Bag(Protocol):
    """Where :class:`Fields` reads and writes."""

    async def read(self) -> Mapping[str, Field]:
        """The fields as they are now."""
        ...

    async def write(self, ops: Sequence[Op]) -> Changed:
        """Apply all of ``ops`` or none."""
        ...


class Batched(NamedTuple):
    """The outcome of :meth:`Batch.apply`."""

    #: The version that all written fields have now.
    version: int
    #: The exact sums of the incremented fields, by name.
    values: Mapping[str, int | float | Decimal]


class Batch:
    """Several operations that happen together or not at all; nothing is written before :meth:`apply`.

    They see one another: each works on what those before it have left. A ``put_if`` compares with the version in the
    store.
    """

    def __init__(self, bag: Bag) -> None:
        self._bag = bag
        self._ops: list[Op] = []

    def put(self, /, **values: Any) -> Batch:
        """Set fields."""
        return self.put_all(values)

    def put_all(self, values: Mapping[str, Any]) -> Batch:
        """Like :meth:`put`, for names that are no Python names."""
        self._ops += [field.put(name, _text(value)) for name, value in values.items()]
        return self

    def put_if(self, name: str, value: Any, *, version: int) -> Batch:
        """Set the field only while it has ``version`` (0 = while absent), else nothing of the batch happens."""
        self._ops.append(field.put_if(name, _text(value), version))
        return self

    def delete(self, *names: str) -> Batch:
        """Remove fields; absent ones are no error."""
        self._ops += [field.delete(name) for name in names]
        return self

    def delete_if(self, name: str, *, version: int) -> Batch:
        """Remove the field only while it has ``version``, else nothing of the batch happens."""
        self._ops.append(field.put_if(name, "", version))
        return self

    def increment(self, name: str, by: float | Decimal = 1) -> Batch:
        """Add ``by``; an absent field counts as 0."""
        self._ops.append(field.increment(name, _plain(by)))
        return self

    def append(self, name: str, item: Any) -> Batch:
        """Add ``item`` at the end of an array; an absent field counts as ``[]``."""
        self._ops.append(field.append(name, _text(item)))
        return self

    def merge(self, name: str, patch: Mapping[str, Any]) -> Batch:
        """Set members of an object (None removes one), not deeper; an absent field counts as ``{}``."""
        self._ops.append(field.merge(name, _text(dict(patch))))
        return self

    async def apply(self) -> Batched:
        """Do it, in one atomic act. Raises as the methods of :class:`Fields`; then nothing was written."""
        changed = await self._bag.write(self._ops)
        return Batched(changed.version, {name: json.decode_native(text) for name, text in changed.values.items()})


class Fields:
    """The GLOBAL fields of one session: JSON values under names.

    In a realm with ``globalSession: user`` they are those of all sessions of the principal. A handle narrower than its
    session then needs the scope ``session.global``, else every method raises ``InsufficientScope``.

    Every method raises ``SessionEnded`` and ``StaleSession`` (the session changed its identity since it was opened).
    Every write is one atomic act, returns the version that the written fields have now, and raises ``FieldLimit`` when a name, a value
    or the whole is too large, ``BadOperand`` when an operation does not fit the value, ``InvalidJson`` for what JSON
    cannot hold, and ``CrossSiteWrite`` in a request from another site.
    """

    def __init__(self, bag: Bag) -> None:
        self._bag = bag

    async def get(self, name: str, default: Any = None) -> Any:
        """The value of the field as it is now, or ``default``. Numbers come back as they were put, digit for digit."""
        found = (await self._bag.read()).get(name)
        return default if found is None else json.decode_native(found.text)

    async def get_with_version(self, name: str) -> Versioned:
        """The value with its version, for :meth:`put_if`; ``(None, 0)`` when absent."""
        found = (await self._bag.read()).get(name)
        return Versioned(None, 0) if found is None else Versioned(json.decode_native(found.text), found.version)

    async def all(self) -> dict[str, Any]:
        """Every field."""
        fields = await self._bag.read()
        return {name: json.decode_native(found.text) for name, found in fields.items()}

    async def put(self, /, **values: Any) -> int:
        """Set fields; others stay as they are."""
        return await self.put_all(values)

    async def put_all(self, values: Mapping[str, Any]) -> int:
        """Like :meth:`put`, for names that are no Python names."""
        return await self._change(*(field.put(name, _text(value)) for name, value in values.items()))

    async def put_if(self, name: str, value: Any, *, version: int) -> int:
        """Set the field only while it has ``version`` (0 = while absent).

        Raises ``FieldConflict``, which carries both versions and what is in the store.
        """
        return await self._change(field.put_if(name, _text(value), version))

    async def delete(self, *names: str) -> int:
        """Remove fields; absent ones are no error."""
        return await self._change(*(field.delete(name) for name in names))

    async def delete_if(self, name: str, *, version: int) -> int:
        """Remove the field only while it has ``version``; raises ``FieldConflict``."""
        return await self._change(field.put_if(name, "", version))

    async def increment(self, name: str, by: float | Decimal = 1) -> int | float | Decimal:
        """Add ``by`` and return the exact sum; an absent field counts as 0."""
        changed = await self._bag.write([field.increment(name, _plain(by))])
        total: int | float | Decimal = json.decode_native(changed.values[name])
        return total

    async def append(self, name: str, item: Any) -> int:
        """Add ``item`` at the end of an array; an absent field counts as ``[]``."""
        return await self._change(field.append(name, _text(item)))

    async def merge(self, name: str, patch: Mapping[str, Any]) -> int:
        """Set members of an object (None removes one), not deeper; an absent field counts as ``{}``."""
        return await self._change(field.merge(name, _text(dict(patch))))

    def batch(self) -> Batch:
        """Several operations as one act: ``await fields.batch().put(cart=cart).increment("visits").apply()``."""
        return Batch(self._bag)

    async def _change(self, *ops: Op) -> int:
        return (await self._bag.write(ops)).version


def _text(value: Any) -> str:
    json.check_finite(value)
    return json.encode_text(value)


def _plain(number: float | Decimal) -> str:
    """``number`` without an exponent, as increments take it; the store refuses what is not finite or too long."""
    if type(number) is int and abs(number) < _SMALL:
        return str(number)
    return format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")
