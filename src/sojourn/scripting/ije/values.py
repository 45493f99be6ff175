"""JavaScript values as cffi has them."""

from __future__ import annotations

from typing import Any, Final

from sojourn.scripting.ije.library import TAG_EXCEPTION, TAG_UNDEFINED, ffi


def text_of(library: Any, context: Any, value: Any) -> bytes | None:
    """A JavaScript string as UTF-8; None when there is no memory for it (the error is pending)."""
    size = ffi.new("size_t *")
    found = library.JS_ToCStringLen2(context, size, value, False)
    if found == ffi.NULL:
        return None
    text = bytes(ffi.buffer(found, size[0]))
    library.JS_FreeCString(context, found)
    return text


def number(value: float) -> Any:
    """A JavaScript number."""
    return ffi.new("JSValue *", {"u": int.from_bytes(_double(value), "little"), "tag": 8})[0]


def _double(value: float) -> bytes:
    return bytes(ffi.buffer(ffi.new("double *", value)))


UNDEFINED: Final = ffi.new("JSValue *", {"u": 0, "tag": TAG_UNDEFINED})[0]
EXCEPTION: Final = ffi.new("JSValue *", {"u": 0, "tag": TAG_EXCEPTION})[0]
