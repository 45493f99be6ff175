"""Images of SQLite: they hold the stored values themselves, a REAL with all its digits, bytes as ``{"$bytes": base64}``."""

from __future__ import annotations

import base64
import math
from decimal import Decimal

from sojourn.core.json import Json
from sojourn.data.errors import BadValue
from sojourn.data.sqlite.cells import Stored


def to_image(value: Stored) -> Json:
    """A stored value as JSON."""
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else {"$real": repr(value)}
    return {"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def from_image(value: Json) -> Stored:
    """The stored value of an image; raises ``BadValue``."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        if "$real" in value:
            return float(value["$real"])
    if isinstance(value, dict | list):
        raise BadValue
    return int(value) if isinstance(value, bool) else value
