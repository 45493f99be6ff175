"""What the mappings that frameworks show to applications have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, MutableMapping
from typing import Any

from sojourn.engine.fields.draft import Draft


class Drafted(MutableMapping[str, Any]):
    """A session as a mapping: its items are those of a :class:`~sojourn.engine.fields.draft.Draft`."""

    _draft: Draft

    @abstractmethod
    def _in_time(self) -> None:
        """Raise ``ResponseAlreadySent`` when a change could not be saved any more."""

    def __getitem__(self, name: str) -> Any:
        return self._draft[name]

    def __contains__(self, name: object) -> bool:
        return name in self._draft

    def __setitem__(self, name: str, value: Any) -> None:
        self._in_time()
        self._draft[name] = value

    def __delitem__(self, name: str) -> None:
        self._in_time()
        del self._draft[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._draft)

    def __len__(self) -> int:
        return len(self._draft)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The item; ``default`` where there is none, which is then set unless another request is faster."""
        self._in_time()
        return self._draft.setdefault(name, default)

    def clear(self) -> None:
        """End the session with the answer; what is set after this begins a new one."""
        self._in_time()
        self._draft.clear()
