"""The scripts of the ``.lua`` files. The client sends their digest, and the text again when the server has forgotten it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from glide import Script

_HERE = Path(__file__).parent


def _script(*names: str) -> Script:
    return Script("\n".join((_HERE / f"{name}.lua").read_text() for name in names))  # type: ignore[no-untyped-call]


class Scripts:
    """One attribute for each script; those that take operations exist with and without what the operations need."""

    def __init__(self) -> None:
        self.create = _script("head", "create")
        self.look = _script("head", "look")
        self.rotate = _script("head", "rotate")
        self.end = _script("head", "end")
        self.verdict = _script("head", "verdict")
        self.sweep = _script("head", "sweep")
        self.claim = _script("registry", "claim")
        self.confirm = _script("registry", "confirm")
        self.release = _script("registry", "release")
        self.over = _script("registry", "over")
        self._change = _variants("head", "change")
        self._bag = _variants("registry", "bag")

    def change(self, kinds: set[str]) -> Script:
        """The script of ``change`` for operations of these kinds."""
        return self._change["increment" in kinds, "merge" in kinds]

    def bag(self, kinds: set[str]) -> Script:
        """The script of ``change_bag`` for operations of these kinds."""
        return self._bag["increment" in kinds, "merge" in kinds]


def _variants(head: str, name: str) -> dict[tuple[bool, bool], Script]:
    return {
        (numbers, members): _script(head, *["numbers"] * numbers, *["members"] * members, "ops", name)
        for numbers in (False, True)
        for members in (False, True)
    }


@cache
def scripts() -> Scripts:
    """The scripts of this process."""
    return Scripts()
