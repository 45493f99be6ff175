"""Rules for passwords: what a directory asks for, texts about what is missing, generated ones, and how strong one is.

By default only length counts, and that nobody else would guess it: no rule of composition. A rule can ask for more, for
systems behind the engine that do.
"""

from __future__ import annotations

import math
import secrets
import string
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import msgspec

from sojourn.identity.weak import common_passwords, weakness
from sojourn.model.user import fold, password_bytes

#: Where the password is the only factor [ASVS 6.2.1, NIST SP 800-63B-4].
MIN_LENGTH: Final = 15

#: What :func:`generate_password` gives without a wish: 20 characters of 57 have 116 bits.
LENGTH: Final = 20

#: Letters and digits that nobody takes for one another.
_READABLE = "".join(sign for sign in string.ascii_letters + string.digits if sign not in "0O1lI")
_SYMBOLS = "!#%+-.:=?@_"

#: So many bits cannot be guessed at any price: 100 on the meter.
_STRONG_BITS = 96


class Requirements(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many characters of each kind a password has at least."""

    upper_chars: int = 0
    lower_chars: int = 0
    symbols: int = 0
    numbers: int = 0


class PasswordRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a new password must be."""

    min_length: int = MIN_LENGTH
    #: Days between forced changes, 0 = none.
    change_interval: int = 0
    #: Failed logins in a row that lock the account, 0 = never.
    max_tries_before_lock: int = 0
    #: Former passwords that cannot be chosen again.
    history: int = 0
    #: Whether the same character, whatever its case, may stand twice in a row.
    allow_repeated_chars: bool = True
    requirements: Requirements = Requirements()


DEFAULT_RULE: Final = PasswordRule()


def broken(password: str, rule: PasswordRule, names: Sequence[str] = ()) -> Sequence[tuple[str, str]]:
    """What is wrong with a new password: reason words with a sentence each; empty when nothing is.

    ``names`` are the user name and mail address of the account.
    """
    found = [] if (weak := weakness(password, names, rule.min_length)) is None else [weak]
    if not rule.allow_repeated_chars and any(one == two for one, two in pairwise(fold(password))):
        found.append(("rule", "the same character must not stand twice in a row"))
    wanted = rule.requirements
    for least, have, what in (
        (wanted.upper_chars, _count(password, "Lu"), "capital letters"),
        (wanted.lower_chars, _count(password, "Ll"), "small letters"),
        (wanted.numbers, _count(password, "N"), "digits"),
        (wanted.symbols, sum(not sign.isalnum() for sign in password), "symbols"),
    ):
        if have < least:
            found.append(("rule", f"a password has at least {least} {what}"))
    return found


def validate_password(password: str, rule: PasswordRule = DEFAULT_RULE, names: Sequence[str] = ()) -> str:
    """The rules that ``password`` breaks, one a line; empty when it is fine."""
    return "\n".join(sentence for _, sentence in broken(password, rule, names))


def generate_password(length: int = LENGTH, *, symbols: bool = False) -> str:
    """A random password of ``length`` characters (at least 8) that nobody mixes up when reading it aloud."""
    alphabet = _READABLE + (_SYMBOLS if symbols else "")
    return "".join(secrets.choice(alphabet) for _ in range(max(8, length)))


def generate_password_rule_based(rule: PasswordRule) -> str:
    """A random password that ``rule`` accepts."""
    wanted = rule.requirements
    kinds = (
        (wanted.upper_chars, [sign for sign in _READABLE if sign.isupper()]),
        (wanted.lower_chars, [sign for sign in _READABLE if sign.islower()]),
        (wanted.numbers, [sign for sign in _READABLE if sign.isdigit()]),
        (wanted.symbols, list(_SYMBOLS)),
    )
    random = secrets.SystemRandom()
    while True:
        signs = [secrets.choice(kind) for least, kind in kinds for _ in range(least)]
        rest = max(rule.min_length, LENGTH) - len(signs)
        signs += [secrets.choice(_READABLE) for _ in range(rest)]
        random.shuffle(signs)
        if not validate_password(made := "".join(signs), rule):
            return made


def password_strength(password: str, max_length: int = 1024) -> int:
    """0 (anybody guesses it) to 100 (nobody does), for a meter beside an input field; it decides nothing.

    An estimate: how many bits it takes to name each character among those of its kinds, without what repeats or runs on,
    and almost nothing for what is on the list of common passwords. Only the first ``max_length`` characters count.
    """
    text = unicodedata.normalize("NFC", password[:max_length])
    if not text or password_bytes(text) is None:
        return 0
    if weakness(text, (), 1) is not None:
        return min(5, len(text))
    bits = _telling(text) * math.log2(_alphabet(text))
    folded = fold(text)
    longest = max((len(word) for word in _words_in(folded)), default=0)
    bits -= longest * math.log2(_alphabet(text)) * 0.8
    return max(1, min(100, round(100 * bits / _STRONG_BITS)))


def _count(password: str, category: str) -> int:
    return sum(unicodedata.category(sign).startswith(category) for sign in password)


def _telling(text: str) -> float:
    """Characters that say something new; one that repeats or continues the one before says a quarter."""
    seen = 1.0
    for before, sign in pairwise(text):
        seen += 0.25 if abs(ord(sign) - ord(before)) <= 1 else 1
    # A text of few different characters is worth less than its length.
    return seen * min(1.0, (len(set(text)) + 1) / math.pow(len(text), 0.75))


def _alphabet(text: str) -> int:
    kinds = ((str.islower, 26), (str.isupper, 26), (str.isdigit, 10))
    size = sum(count for fits, count in kinds if any(fits(sign) for sign in text))
    if any(not sign.isalnum() and sign.isascii() for sign in text):
        size += 33
    if any(not sign.isascii() for sign in text):
        size += 100
    return max(size, 2)


def _words_in(folded: str) -> list[str]:
    """The common passwords that begin or end the text."""
    common = common_passwords()
    ends = [folded[:end] for end in range(8, len(folded))] + [folded[start:] for start in range(1, len(folded) - 7)]
    return [part for part in ends if part in common]
