"""Which passwords nobody should choose. No composition rules: length, the common ones, and the account's own names."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from sojourn.model.user import fold, password_bytes

#: A password that only repeats a unit of at most so many characters is common, whatever its length.
_SHORT_UNIT = 4

#: Lines of the list that are no passwords.
_COMMENT = "#"


def weakness(password: str, names: Sequence[str], min_length: int) -> tuple[str, str] | None:
    """A reason word and a sentence for the person who chose ``password``; None when it is acceptable."""
    if password_bytes(password) is None:
        return "long", "a password has at most 1024 characters"
    if len(unicodedata.normalize("NFC", password)) < min_length:
        return "short", f"a password has at least {min_length} characters"
    folded = fold(password)
    if folded in {own for name in names for own in _own_words(name)}:
        return "name", "the password must not be the user name or the mail address"
    unit = _unit(folded)
    if folded in common_passwords() or unit in common_passwords() or len(unit) <= _SHORT_UNIT:
        return "common", "this password is on the list of common passwords"
    return None


@cache
def common_passwords() -> frozenset[str]:
    """The list of common passwords, folded."""
    text = files("sojourn.identity").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(fold(line) for line in text.splitlines() if line and not line.startswith(_COMMENT))


def _own_words(name: str) -> tuple[str, ...]:
    folded = fold(name)
    return (folded, folded.partition("@")[0], folded[::-1])


def _unit(text: str) -> str:
    """The shortest text that, repeated, gives ``text``."""
    at = (text + text).find(text, 1)
    return text[:at]
