"""The LOCAL session: values of one execution, or of one invocation of a subflow; they die with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.model.field import Field, Limits, Op, apply, check_limits

#: 1 MB per value, 5 MB per session, 64 fields.
LOCAL_LIMITS: Final = Limits(fields=64, value=1_000_000, total=5_000_000)


class LocalSession:
    """Named values, kept as JSON text so that a later change of the message cannot reach them."""

    __slots__ = ("_texts",)

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def put(self, values: Mapping[str, Json]) -> None:
        """Store all of ``values`` or none; raises ``FieldLimit``."""
        texts = self._texts | {name: json.encode_text(value) for name, value in values.items()}
        check_limits(texts, LOCAL_LIMITS)
        self._texts = texts

    def change(self, ops: Sequence[Op]) -> Mapping[str, str]:
        """Apply all of ``ops`` or none; the new JSON text of the incremented values.

        Raises ``FieldLimit``, ``BadOperand``.
        """
        applied = apply(ops, {name: Field(1, text) for name, text in self._texts.items()}, LOCAL_LIMITS)
        texts = {name: text for name, text in {**self._texts, **applied.writes}.items() if text is not None}
        check_limits(texts, LOCAL_LIMITS)
        self._texts = texts
        return applied.values

    def get(self, names: Iterable[str]) -> dict[str, Json]:
        """Copies of those of ``names`` that are there."""
        return {name: json.decode(self._texts[name]) for name in names if name in self._texts}

    def delete(self, names: Iterable[str]) -> None:
        """Forget ``names``; absent ones are no error."""
        for name in names:
            self._texts.pop(name, None)
