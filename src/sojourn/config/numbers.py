"""Numbers of project files, digit for digit."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

#: Longer numbers, and larger powers of ten, are refused: nothing here needs them, and they are slow to handle.
MAX_DIGITS = 1_000


def exact(text: str) -> int | Decimal:
    """The number that ``text`` spells in decimal; raises ValueError when it is beyond all use."""
    check_length(text)
    if text.lstrip("+-").isdigit():
        return int(text)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("the number is out of all bounds") from None
    if abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError("the number is out of all bounds")
    return number


def check_length(text: str) -> None:
    """Raise ValueError when a number is written with too many digits."""
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has at most {MAX_DIGITS} digits")
