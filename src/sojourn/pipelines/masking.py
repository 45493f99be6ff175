"""What never appears in a log line: credentials, and line ends that would forge a second line."""

from __future__ import annotations

import re

_STARS = "***"
_NAMES = (
    r"password|passwd|pwd|passphrase|secret|clientsecret|client_secret|token|accesstoken|access_token|refreshtoken|"
    r"refresh_token|idtoken|id_token|apikey|api_key|api-key|x-api-key|authorization|proxy-authorization|cookie|"
    r"set-cookie|x-session-id|ngin_sid|senha"
)

#: A member of a JSON text whose name says that its value is secret.
_MEMBER = re.compile(rf'("(?:{_NAMES})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[^\s,}}\]]+)', re.IGNORECASE)

#: Credentials by their form: JWT, our prefixes, session handles, the value of an Authorization header.
_SECRET = re.compile(
    r"(?<![\w-])eyJ[\w-]*\.[\w-]+\.[\w-]*|\bsj[ktsr]_[\w-]+|\b[\w-]{43}\.[\w-]{43}\b|\b(?:Bearer|Basic)\s+[\w.~+/=-]+",
    re.IGNORECASE,
)

#: Longest text that is logged, in characters.
_LONGEST = 10_000


def masked(text: str) -> str:
    """``text`` as one line of printable characters, credentials replaced by ``***``, cut at 10,000 characters."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    hidden = _SECRET.sub(_STARS, _MEMBER.sub(rf'\1"{_STARS}"', cut))
    return hidden if hidden.isprintable() else "".join(char if char.isprintable() else " " for char in hidden)
