"""Commands as they stand on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

Text = str | bytes

#: All arguments of a script as one: unpacking them there is cheaper than writing each of them here.
as_one = msgspec.msgpack.Encoder().encode


def paired(answer: Any) -> Mapping[bytes, Any]:
    """An answer of names and values as a mapping: one connection gives them in turn, the client of clusters as a dict."""
    if isinstance(answer, dict):
        return answer
    flat = iter(answer)
    return dict(zip(flat, flat, strict=True))


def packed(words: Sequence[Text]) -> bytes:
    """One command."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        text = word.encode() if isinstance(word, str) else word
        parts.append(b"$%d\r\n%b\r\n" % (len(text), text))
    return b"".join(parts)
