"""Which passwords nobody should choose. No composition rules: length, the common ones, and the account's own names.

The list holds a few thousand common passwords; what people make of them counts as well, so that it stands for many times
as many: letters replaced by signs that look alike, digits and signs before and behind (``Welc0me2031!``), repetitions.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from sojourn.model.user import fold, password_bytes

#: A password that only repeats a unit of at most so many characters is common, whatever its length.
_SHORT_UNIT = 4

#: Lines of the list that are no passwords.
_COMMENT = "#"

#: Signs that stand for letters.
_ALIKE = str.maketrans(
    {"@": "a", "4": "a", "3": "e", "0": "o", "1": "i", "!": "i", "$": "s", "5": "s", "7": "t", "+": "t"}
)

#: What people put around a word.
_NO_LETTERS = string.digits + string.punctuation + " "

#: What is left of a common password has at least so many letters, and at most so many signs were put around it.
_CORE = 5
_AROUND = 8


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
    if folded in common_passwords() or unit in common_passwords() or len(unit) <= _SHORT_UNIT or _dressed(folded):
        return "common", "this password is on the list of common passwords"
    return None


@cache
def common_passwords() -> frozenset[str]:
    """The list of common passwords, folded."""
    text = files("sojourn.identity").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(fold(line) for line in text.splitlines() if line and not line.startswith(_COMMENT))


@cache
def _cores() -> frozenset[str]:
    """The words of the list, without what is put around words."""
    return frozenset(core for entry in common_passwords() if len(core := _core(entry)) >= _CORE)


def _dressed(folded: str) -> bool:
    """Whether it is a common password with other signs in it and around it."""
    core = _core(folded)
    return len(core) >= _CORE and len(folded) - len(core) <= _AROUND and core in _cores()


def _core(folded: str) -> str:
    """The letters in the middle, those that signs stand for included; empty when there is something else between them."""
    bare = folded.strip(_NO_LETTERS).translate(_ALIKE)
    return bare if bare.isalpha() else ""


def _own_words(name: str) -> tuple[str, ...]:
    folded = fold(name)
    return (folded, folded.partition("@")[0], folded[::-1])


def _unit(text: str) -> str:
    """The shortest text that, repeated, gives ``text``."""
    at = (text + text).find(text, 1)
    return text[:at]
