"""The scripts of the ``.lua`` files. Their digest is sent, and the text again when the server has forgotten it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sojourn.stores.valkey.packing import as_one, packed

_HERE = Path(__file__).parent

# Words of EVALSHA beside the keys: itself, digest, number of keys, and the arguments as one.
_WORDS = 4


class Script:
    """A script, and the commands that run and load it as they stand on the wire."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.load = packed(("SCRIPT", "LOAD", text))
        # Names the script by the server's own rule; nothing is secret about it.
        digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
        self._starts = [
            b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n$1\r\n%d\r\n" % (_WORDS + keys, digest, keys) for keys in range(6)
        ]

    def run(self, keys: Sequence[str], args: Sequence[str]) -> bytes:
        """The command that runs it."""
        start, one = self._starts[len(keys)], as_one(args)
        if len(keys) == 1:
            key = keys[0].encode()
            return b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n" % (start, len(key), key, len(one), one)
        parts = [b"$%d\r\n%b\r\n" % (len(part), part) for part in (*(key.encode() for key in keys), one)]
        return b"".join((start, *parts))


def _script(*names: str) -> Script:
    return Script("\n".join((_HERE / f"{name}.lua").read_text() for name in names))


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
        self.once_put = _script("limited", "once_put")
        self.once_take = _script("limited", "once_take")
        self.throttle_count = _script("limited", "throttle_count")
        self.throttle_back = _script("limited", "throttle_back")
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
