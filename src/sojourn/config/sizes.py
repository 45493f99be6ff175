"""Sizes as people write them."""

from __future__ import annotations

import re

from sojourn.core.errors import SojournError

_SIZE = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))? ?(|B|KB|MB|GB|KiB|MiB|GiB)")
_UNITS = {
    "": 1,
    "B": 1,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}


class BadSize(SojournError):
    """A size is a number with KB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024), like 5MB."""

    code = "config.bad_size"


def parse_size(text: str) -> int:
    """Bytes of a size like ``5MB``, ``64 KiB`` or ``1.5MB``; a bare number is bytes. Raises :class:`BadSize`."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadSize
    whole, fraction, unit = match[1], match[2] or "", _UNITS[match[3]]
    size, rest = divmod(int(whole + fraction) * unit, int("1" + "0" * len(fraction)))
    if rest:
        raise BadSize(f"{text} is not a whole number of bytes")
    return size
