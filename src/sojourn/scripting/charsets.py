"""The encodings that a content type may name: those of the web, in time that grows as the text does.

Python knows more, some of which take the square of that (``punycode``), and remembers each name that it was asked for and
does not know. Both would be in the hands of whoever sends a request.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from encodings.aliases import aliases
from functools import cache
from typing import Final

_BYTES: Final = frozenset(
    {
        *("ascii", "latin_1", *(f"iso8859_{part}" for part in (*range(2, 12), *range(13, 17)))),
        *(*(f"cp125{page}" for page in range(9)), "cp437", "cp850", "cp866", "cp874", "koi8_r", "koi8_u", "mac_roman"),
    }
)
_CODECS: Final = _BYTES | {
    *("utf_8", "utf_16", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_32_be"),
    *("gb2312", "gbk", "gb18030", "hz", "big5", "big5hkscs", "euc_jp", "shift_jis", "cp932", "iso2022_jp"),
    *("euc_kr", "cp949", "johab"),
}
_BY_LABEL: Final = {name: name for name in _CODECS} | {
    label.lower(): codec for label, codec in aliases.items() if codec in _CODECS
}

#: Decodes one piece after the other; true with the last one. What is no character becomes U+FFFD.
Decoder = Callable[[bytes, bool], str]


def charset_of(content_type: str) -> str | None:
    """Python's name of the encoding that ``content_type`` names, UTF-8 where it names none; None for no encoding of ours."""
    _, _, rest = content_type.lower().partition("charset=")
    label = rest.partition(";")[0].strip(" \"'") or "utf-8"
    return _BY_LABEL.get("".join(sign if sign.isalnum() or sign == "." else "_" for sign in label))


def decoder(charset: str) -> Decoder:
    """What decodes a text in pieces; ``charset`` is a name that :func:`charset_of` gives."""
    if charset not in _BYTES:
        return codecs.getincrementaldecoder(charset)("replace").decode
    # Python asks anew for each byte that is no character, which takes a second for a million of them; a table does not.
    table = _table(charset)
    return lambda piece, _last: codecs.charmap_decode(piece, "strict", table)[0]


@cache
def _table(charset: str) -> str:
    return bytes(range(256)).decode(charset, "replace")
