"""How much an expression may take: every one of these ends in :class:`ExpressionLimit`, never in a slow engine."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Clamped, Context, DivisionByZero, Inexact, InvalidOperation, Overflow, Underflow

#: Characters between ``{{`` and ``}}``.
MAX_EXPRESSION = 10_000

#: Characters of a text with expressions in it.
MAX_TEMPLATE = 1_000_000

#: How deeply functions, arrays and objects may nest in one expression.
MAX_NESTING = 50

#: Characters of a text that a function or a text with expressions makes.
MAX_TEXT = 1_000_000

#: Elements of an array that a function makes.
MAX_ITEMS = 100_000

#: Significant digits of a number that is computed.
MAX_DIGITS = 200

#: Characters of a number as it is written.
MAX_NUMBER = 1_000

#: Powers of ten of a number that is written in an expression or computed.
MAX_EXPONENT = 9_999

#: Characters of a regular expression.
MAX_PATTERN = 1_000

#: Steps of one evaluation: a function call, a copied element and eight characters of new text are one each.
MAX_STEPS = 5_000_000

#: Significant digits of a quotient that does not end (those of IEEE decimal128).
QUOTIENT_DIGITS = 34

#: Bits of the largest integer that is computed.
MAX_BITS = (10**MAX_DIGITS).bit_length()

_REFUSED = [Clamped, DivisionByZero, InvalidOperation, Overflow, Underflow]

#: Sums, differences and products: exact or an error.
EXACT = Context(
    prec=MAX_DIGITS, rounding=ROUND_HALF_EVEN, Emin=-MAX_EXPONENT, Emax=MAX_EXPONENT, traps=[*_REFUSED, Inexact]
)

#: Quotients: rounded half to even.
ROUNDED = Context(prec=QUOTIENT_DIGITS, rounding=ROUND_HALF_EVEN, Emin=-MAX_EXPONENT, Emax=MAX_EXPONENT, traps=_REFUSED)
