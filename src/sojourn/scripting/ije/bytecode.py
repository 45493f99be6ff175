"""The prelude as bytecode: made in the zygote, and read by each global scope that is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sojourn.scripting.ije.library import (
    EVAL_COMPILE_ONLY,
    EVAL_GLOBAL,
    READ_BYTECODE,
    TAG_EXCEPTION,
    WRITE_BYTECODE,
    WRITE_STRIP_SOURCE,
    ffi,
)
from sojourn.scripting.ije.values import text_of


class Prelude(NamedTuple):
    """The prelude as bytecode, made once and used for each scope."""

    #: A function that begins a scope: ``bridge.js`` with the functions of all other files.
    begin: bytes
    #: What makes the classes of the host, by their names.
    declared: Mapping[bytes, bytes]
    outline: bytes


def loaded(library: Any, context: Any, bytecode: bytes) -> Any:
    """The function that a file of the prelude is, or ``EXCEPTION``."""
    compiled_function = library.JS_ReadObject(context, bytecode, len(bytecode), READ_BYTECODE)
    if compiled_function.tag == TAG_EXCEPTION:
        return compiled_function
    return library.JS_EvalFunction(context, compiled_function)


def prelude_of(library: Any, given: Mapping[str, Any]) -> Prelude:
    """The prelude as bytecode; ``given`` is what ``sojourn.scripting.prelude.message`` makes."""
    return Prelude(
        _compiled(library, {"file": "sojourn:prelude.js", "code": _whole(given)}),
        {name.encode(): _compiled(library, file) for name, file in given["declared"].items()},
        given["outline"].encode(),
    )


def _whole(given: Mapping[str, Any]) -> str:
    """All files as one text: read in one piece it takes half the time of its parts, each with a table of names of its own."""
    core, parts = (",\n".join(file["code"] for file in given[name]) for name in ("core", "parts"))
    head = "(function (natives, outline) {\n'use strict';\nreturn (\n"
    return f"{head}{given['bridge']['code']})(natives, [\n{core}], [\n{parts}], outline);\n}})"


def _compiled(library: Any, file: Mapping[str, str]) -> bytes:
    """The bytecode of a file of the prelude; raises ``ValueError`` with the message of a syntax error."""
    runtime = library.JS_NewRuntime()
    context = library.JS_NewContext(runtime)
    data = file["code"].encode()
    function = library.JS_Eval(context, data, len(data), file["file"].encode(), EVAL_GLOBAL | EVAL_COMPILE_ONLY)
    if function.tag == TAG_EXCEPTION:
        raise ValueError(file["file"], text_of(library, context, library.JS_GetException(context)))
    size = ffi.new("size_t *")
    written = library.JS_WriteObject(context, size, function, WRITE_BYTECODE | WRITE_STRIP_SOURCE)
    bytecode = bytes(ffi.buffer(written, size[0]))
    library.js_free(context, written)
    library.JS_FreeValue(context, function)
    library.JS_FreeContext(context)
    library.JS_FreeRuntime(runtime)
    return bytecode
