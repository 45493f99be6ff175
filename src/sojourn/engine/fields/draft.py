"""A session as a mapping: what was read and changed in one request, and the operations that save it without losing others'.

Nothing here waits. A :class:`Draft` notes for every field the version that was read; :meth:`Draft.ops` turns the changes
into operations for one atomic act:

* set, or deleted, without having been read: ``put`` or ``delete``. It needs no version: it is right whatever was there;
* a list that was read and now has more items at its end: ``append`` of those items;
* a default (``setdefault``) that nothing was added to: set while the field is absent, else what another request set stays;
* anything else that was read and then changed, in place too: ``put_if`` with the version that was read.

A ``put_if`` that meets another version, and an ``append`` that meets no list any more, is a :class:`SessionConflict`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from sojourn.core import json
from sojourn.core.errors import BadOperand, Conflict, FieldConflict
from sojourn.model import field
from sojourn.model.field import Changed, Field, Op


class SessionConflict(Conflict):
    """Another request changed the same item of the session meanwhile; repeat the request."""

    code = "session.conflict"

    def __init__(self, name: str, expected: int = 0, found: int = 0) -> None:
        super().__init__(f"another request changed item {name!r} of the session meanwhile; repeat the request")
        #: Name of the item.
        self.name = name
        #: The version that this request had read; 0 = absent.
        self.expected = expected
        #: The version in the store; 0 = absent.
        self.found = found

    @classmethod
    def of(cls, error: FieldConflict | BadOperand) -> SessionConflict:
        """The conflict that the store's answer means for who used the session as a mapping."""
        return cls(error.name, error.expected, error.found) if isinstance(error, FieldConflict) else cls(error.name)


class Codec(Protocol):
    """How values become the JSON text of fields and come back."""

    def encode(self, value: Any) -> str:
        """Compact JSON text; raises an error for what it cannot hold."""
        ...

    def decode(self, text: str) -> Any:
        """A value of its own for every call."""
        ...


class PlainJson:
    """Values as ``session.fields`` takes and gives them."""

    def encode(self, value: Any) -> str:
        """Compact JSON text; raises ``InvalidJson``."""
        json.check_finite(value)
        return json.encode_text(value)

    def decode(self, text: str) -> Any:
        """The value, numbers digit for digit."""
        return json.decode_native(text)


_PLAIN = PlainJson()
_GONE: Any = object()
_items = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(slots=True)
class _Item:
    """One name that this request has touched."""

    #: What was there when it was first looked at; None = nothing, or it was never looked at.
    base: Field | None = None
    #: Whether it was looked at, so that a change may follow from what was seen.
    seen: bool = False
    #: The value as this request has it.
    value: Any = _GONE
    #: Whether the value itself was given out, not only whether there is one.
    given: bool = False
    #: Whether it was set or deleted.
    changed: bool = False
    #: Whether an empty list was set where nothing was: then what is added to it is appended.
    from_empty: bool = False
    #: The text of a default that was set where nothing was.
    default: str = ""


class Draft(MutableMapping[str, Any]):
    """The fields of a session as one request reads and changes them.

    Args:
        view: The fields as they are known now; may raise when they are not known yet.
        codec: How values become JSON.
    """

    def __init__(self, view: Callable[[], Mapping[str, Field]], codec: Codec = _PLAIN) -> None:
        self._view = view
        self._codec = codec
        self._items: dict[str, _Item] = {}
        self._iterated = False
        #: Whether everything was dropped at once; what is set after that begins from nothing.
        self.cleared = False

    # --- the mapping ---

    def __getitem__(self, name: str) -> Any:
        item = self._look(name)
        if item.value is _GONE:
            raise KeyError(name)
        item.given = True
        return item.value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._look(name).value is not _GONE

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError("the names of the session's items are text")
        # Who has seen all names has seen that this one is not there.
        item = self._look(name) if self._iterated else self._items.setdefault(name, _Item())
        item.from_empty = item.seen and item.base is None and isinstance(value, list) and not value
        item.value, item.changed, item.default = value, True, ""

    def __delitem__(self, name: str) -> None:
        item = self._look(name)
        if item.value is _GONE:
            raise KeyError(name)
        item.value, item.changed = _GONE, True

    def __iter__(self) -> Iterator[str]:
        for name in self._stored():
            self._look(name)
        self._iterated = True
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value; ``default`` where there is none, which is then set unless another request is faster."""
        if name not in self:
            self[name] = default
            self._items[name].default = self._codec.encode(default)
        return self[name]

    def clear(self) -> None:
        """Drop everything; nothing has to be read for it."""
        self._items.clear()
        self.cleared = True

    def forget(self) -> None:
        """Know nothing any more, neither what was read nor what was changed."""
        self._items.clear()
        self._iterated = self.cleared = False

    def peek(self, name: str) -> Any:
        """The value or None, without noting that it was read; it must not be changed."""
        item = self._items.get(name)
        if item is not None:
            return None if item.value is _GONE else item.value
        stored = self._stored().get(name)
        return self._codec.decode(stored.text) if stored else None

    # --- saving ---

    def ops(self) -> list[Op]:
        """The operations that save what was changed; empty when nothing was. Encoding may raise, see :class:`Codec`."""
        return [op for name, item in self._items.items() for op in self._ops_of(name, item)]

    @property
    def changed(self) -> bool:
        """Whether there is anything to save."""
        return self.cleared or (self.used and bool(self.ops()))

    @property
    def used(self) -> bool:
        """Whether anything was read or changed; if not, there is nothing to save."""
        return self.cleared or bool(self._items)

    def saved(self, ops: Sequence[Op], version: int) -> None:
        """Go on from what ``ops`` have written; ``version`` is that of the session after it."""
        self.cleared = False
        appended = {op.name for op in ops if op.kind == "append"}
        for name in {op.name for op in ops}:
            item = self._items[name]
            gone = item.value is _GONE
            text = "" if gone else self._codec.encode(item.value)
            # Others may have appended too: what this request saw is then not all that is there, and only another append
            # is right; any other change conflicts.
            seen = item.base.version if item.base else 0
            item.base = None if gone else Field(seen if name in appended else version, text)
            item.seen, item.changed, item.from_empty, item.default = True, False, False, ""

    def withdraw(self, name: str) -> bool:
        """Give up a default because another request has set the field meanwhile; False when it is more than a default."""
        item = self._items[name]
        if not item.default or self._codec.encode(item.value) != item.default:
            return False
        del self._items[name]
        return True

    def _stored(self) -> Mapping[str, Field]:
        return {} if self.cleared else self._view()

    def _names(self) -> list[str]:
        names = dict.fromkeys([*self._stored(), *self._items])
        return [name for name in names if name not in self._items or self._look(name).value is not _GONE]

    def _look(self, name: str) -> _Item:
        item = self._items.get(name)
        if item is not None and (item.changed or self.cleared):
            return item
        stored = self._stored().get(name)
        if item is None or (stored != item.base and not self._ops_of(name, item)):
            if item is not None and item.base and stored and item.base.text == stored.text:
                # The same value: whoever holds it may go on to change it in place.
                item.base = stored
                return item
            value = _GONE if stored is None else self._codec.decode(stored.text)
            item = self._items[name] = _Item(stored, seen=True, value=value)
        return item

    def _ops_of(self, name: str, item: _Item) -> list[Op]:
        if item.value is _GONE:
            return self._removal(name, item)
        if not item.changed and not (item.given and isinstance(item.value, list | dict)):
            return []
        text = self._codec.encode(item.value)
        if not item.seen or (self.cleared and item.base is None):
            return [field.put(name, text)]
        base = self._base_text(item)
        if text == base:
            return []
        more = _appended(base, text)
        if more:
            return [field.append(name, piece) for piece in more]
        return [field.put_if(name, text, item.base.version if item.base else 0)]

    def _base_text(self, item: _Item) -> str:
        if item.base is None:
            return "[]" if item.from_empty and item.value else ""
        # Both texts by the same codec: one that spells a number otherwise has not changed it.
        return self._codec.encode(self._codec.decode(item.base.text))

    @staticmethod
    def _removal(name: str, item: _Item) -> list[Op]:
        if not item.changed or (item.seen and item.base is None):
            return []
        if item.given and item.base is not None:
            return [field.put_if(name, "", item.base.version)]
        return [field.delete(name)]


async def save(draft: Draft, write: Callable[[Sequence[Op]], Awaitable[Changed]]) -> None:
    """Save what was changed with one atomic ``write``; nothing when nothing was.

    Raises :class:`SessionConflict`, and whatever ``write`` and the codec raise.
    """
    while ops := draft.ops():
        try:
            changed = await write(ops)
        except FieldConflict as error:
            if not draft.withdraw(error.name):
                raise SessionConflict.of(error) from error
        except BadOperand as error:
            raise SessionConflict.of(error) from error
        else:
            draft.saved(ops, changed.version)
            return


def remember(fields: Mapping[str, Field], ops: Sequence[Op], changed: Changed) -> dict[str, Field] | None:
    """What ``fields`` are after ``ops``; None when only the store knows, as after an append."""
    known = dict(fields)
    for op in ops:
        if op.kind in ("append", "merge"):
            return None
        text = changed.values.get(op.name, op.text)
        if text:
            known[op.name] = Field(changed.version, text)
        else:
            known.pop(op.name, None)
    return known


def _appended(old: str, new: str) -> list[str]:
    """The items by which the list ``new`` is longer than the list ``old``; empty when it is anything else."""
    if not (old.startswith("[") and new.startswith("[")):
        return []
    before = [bytes(item) for item in _items.decode(old)]
    after = [bytes(item) for item in _items.decode(new)]
    if len(after) <= len(before) or after[: len(before)] != before:
        return []
    return [item.decode() for item in after[len(before) :]]
