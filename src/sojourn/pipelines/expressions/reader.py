"""Reads a text from left to right: blanks, names, numbers and quoted strings, each with its place."""

from __future__ import annotations

import re
from decimal import Decimal

from sojourn.pipelines.expressions.errors import ExpressionError, ExpressionLimit, ExpressionSyntax
from sojourn.pipelines.expressions.limits import MAX_EXPONENT, MAX_NUMBER, MAX_TEMPLATE

_BLANKS = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[\w-]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?(?![\w.])")
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_PLAIN = re.compile(r"[^\"'\\]+")
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", "\\": "\\", '"': '"', "'": "'"}
_SURROGATES = re.compile("[\ud800-\udfff]")
_LOW, _HIGH, _END = 0xDC00, 0xD800, 0xE000


class Reader:
    """A text and a place in it, from which things are taken one after another."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        if len(text) > MAX_TEMPLATE:
            raise ExpressionLimit(f"a text with expressions has at most {MAX_TEMPLATE} characters")
        if lone := _SURROGATES.search(text):
            raise self.error("a lone surrogate is not text", lone.start())

    @property
    def ended(self) -> bool:
        """Whether everything was taken."""
        return self.at >= len(self.text)

    def error(self, message: str, at: int | None = None) -> ExpressionError:
        """A syntax error at ``at``, else here."""
        return ExpressionSyntax(message).at(self.text, self.at if at is None else at)

    def blanks(self) -> None:
        """Skip blanks and line ends."""
        found = _BLANKS.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def sees(self, token: str) -> bool:
        """Whether ``token`` stands here; nothing is taken."""
        return self.text.startswith(token, self.at)

    def take(self, token: str) -> bool:
        """Take ``token`` and the blanks before it, when it is what comes next."""
        self.blanks()
        found = self.sees(token)
        self.at += len(token) if found else 0
        return found

    def match(self, pattern: re.Pattern[str]) -> str:
        """Take what ``pattern`` matches here; empty when it does not."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()

    def found(self) -> str:
        """What stands here, for a message: a word, a sign or the end."""
        if self.ended:
            return "the end of the text"
        word = _WORD.match(self.text, self.at)
        return repr(word.group()[:40] if word else self.text[self.at])

    def number(self) -> int | Decimal | None:
        """Take a JSON number, with every digit; None when none stands here."""
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            return None
        text, fraction, exponent = found.group(), found.group(1), found.group(2)
        power = (exponent or "e0")[1:].lstrip("+-").lstrip("0")
        if len(text) > MAX_NUMBER or len(power) > len(str(MAX_EXPONENT)):
            raise ExpressionLimit("this number is too long").at(self.text, self.at)
        self.at = found.end()
        return Decimal(text) if fraction or exponent else int(text)

    def string(self) -> str | None:
        """Take a string in double or single quotes; None when none stands here."""
        quote = self.text[self.at : self.at + 1]
        if quote not in ('"', "'") or not quote:
            return None
        start, parts = self.at, []
        self.at += 1
        while not self.sees(quote):
            if self.ended:
                raise self.error("this string has no closing quote", start)
            parts.append(self.match(_PLAIN) or self.character())
        self.at += 1
        return "".join(parts)

    def character(self) -> str:
        """Take one character of a string: an escape, or any other sign as it is."""
        if not self.sees("\\"):
            self.at += 1
            return self.text[self.at - 1]
        start, sign = self.at, self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if sign == "u":
            return self._unicode(start)
        if sign not in _ESCAPES:
            raise self.error(
                "an escape is one of \\\" \\' \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX; a backslash is \\\\", start
            )
        return _ESCAPES[sign]

    def _unicode(self, start: int) -> str:
        code = self._hex(start)
        if _HIGH <= code < _LOW and self.sees("\\u"):
            self.at += 2
            low = self._hex(start)
            if _LOW <= low < _END:
                return chr(0x10000 + ((code - _HIGH) << 10) + (low - _LOW))
            raise self.error("a lone surrogate is not text", start)
        if _HIGH <= code < _END:
            raise self.error("a lone surrogate is not text", start)
        return chr(code)

    def _hex(self, start: int) -> int:
        digits = self.match(_HEX)
        if not digits:
            raise self.error("\\u needs four hexadecimal digits", start)
        return int(digits, 16)
