"""The operands of session-management as they are written or come with the message: checked, and as the store takes them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sojourn.core.json import Json, encode_text
from sojourn.model.field import is_plain_number
from sojourn.pipelines.errors import StepFailed
from sojourn.pipelines.numbers import whole


def increment_text(by: Json) -> str:
    """``by`` of INCREMENT; raises :class:`StepFailed` for what is no plain decimal."""
    text = encode_text(by) if isinstance(by, int | float | Decimal) else ""
    if not is_plain_number(text):
        raise StepFailed("by is not a plain decimal number", 422)
    return text


def patch_text(patch: Json) -> str:
    """``patch`` of MERGE; raises :class:`StepFailed` for what is no object."""
    if not isinstance(patch, dict):
        raise StepFailed("patch is not an object", 422)
    return encode_text(patch)


def expected_versions(if_version: Json, names: tuple[str, ...]) -> Mapping[str, int]:
    """The version that each of ``names`` must have; raises :class:`StepFailed` where one is not said."""
    if isinstance(if_version, dict):
        missing = [name for name in names if name not in if_version]
        if missing:
            raise StepFailed(f"ifVersion has no version of {missing[0]!r}", 422)
        return {name: _version(if_version[name]) for name in names}
    if len(names) > 1:
        raise StepFailed("ifVersion of several fields is an object {field: version}", 422)
    return dict.fromkeys(names, _version(if_version))


def _version(value: Json) -> int:
    version = -1 if value is None or value == "" else whole(value, "ifVersion")
    if version < 0:
        raise StepFailed("ifVersion is a version: a whole number from 0", 422)
    return version
