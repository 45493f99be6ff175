"""The memory of a JavaScript runtime, which can be put back to what it was at one moment.

A global scope with the whole prelude takes far longer to build than to copy. So it is built once, and each execution
begins with the very bytes that it had then: nothing that a script has done can be left, in whatever way it did it.

QuickJS cuts small objects out of pieces of 4 KB. Only these pieces and what is larger are asked for by the functions that
a runtime is given, which is seldom enough for functions in Python.
"""

from __future__ import annotations

from typing import Any, Final

from sojourn.scripting.ije.library import WrongLibrary, ffi, own_system

#: Requests of one execution that are worth being counted: a script with more of them gets the system's own functions,
#: and the scope after it is built anew.
MOST_REQUESTS: Final = 1_000
#: Bytes that the system has at most between two blocks that lie side by side. They are its own and do not change while
#: both blocks are taken; so neighbours are copied in one piece.
_BETWEEN: Final = 16

# The first argument of each is of no use to anybody. Addresses are numbers here.
_MALLOC: Final = "uintptr_t(*)(uintptr_t, size_t)"
_CALLOC: Final = "uintptr_t(*)(uintptr_t, size_t, size_t)"
_REALLOC: Final = "uintptr_t(*)(uintptr_t, uintptr_t, size_t)"
_FREE: Final = "void(*)(uintptr_t, uintptr_t)"
_SIZE_OF: Final = "size_t(*)(uintptr_t)"
_TRIED: Final = 1_000


class Heap:
    """Gives one JavaScript runtime its memory. It must not be used while JavaScript runs, but by its runtime."""

    def __init__(self, library: Any) -> None:
        #: The functions that a runtime has by itself.
        self._native: Any = _native_functions(library)
        self._malloc = ffi.cast(_MALLOC, self._native.malloc)
        self._calloc = ffi.cast(_CALLOC, self._native.calloc)
        self._realloc = ffi.cast(_REALLOC, self._native.realloc)
        self._free = ffi.cast(_FREE, self._native.free)
        self._size_of = ffi.cast(_SIZE_OF, self._native.usable_size)
        self._copy = own_system().memcpy
        #: What is not part of the kept moment.
        self._loose: set[int] = set()
        #: The blocks of the kept moment with their sizes, and which of them the runtime has given back since.
        self._kept: dict[int, int] = {}
        self._returned: list[int] = []
        #: Where, from where and how much to copy.
        self._copies: list[tuple[int, int, int]] = []
        self._copied: Any = None
        self._runtime: Any = ffi.NULL
        self._left = 0
        callbacks: Any = (
            ffi.callback(_CALLOC, self._on_calloc),
            ffi.callback(_MALLOC, self._on_malloc),
            ffi.callback(_FREE, self._on_free),
            ffi.callback(_REALLOC, self._on_realloc),
        )
        self._callbacks = callbacks
        #: For ``JS_NewRuntime2``.
        self.functions: Any = ffi.new(
            "JSMallocFunctions *", [*(ffi.cast("void *", one) for one in callbacks), self._native.usable_size]
        )

    def keep(self, runtime: Any) -> None:
        """Keep this moment of ``runtime``, the one that got :attr:`functions`. Once only."""
        self._runtime, self._left = runtime, MOST_REQUESTS
        self._kept = {block: self._size_of(block) for block in self._loose}
        self._loose.clear()
        spans = _spans(self._kept)
        self._copied = ffi.new("char[]", sum(size for _, size in spans))
        at = int(ffi.cast("uintptr_t", self._copied))
        for block, size in spans:
            self._copy(at, block, size)
            self._copies.append((block, at, size))
            at += size

    def restore(self) -> bool:
        """Put everything back to the moment of :meth:`keep`; false when that is not possible any more."""
        if self._left <= 0:
            return False
        for block in self._loose:
            self._free(0, block)
        self._loose.clear()
        self._returned.clear()
        self._left = MOST_REQUESTS
        for block, copied, size in self._copies:
            self._copy(block, copied, size)
        return True

    # --- what the runtime calls ---

    def _on_malloc(self, _opaque: int, size: int) -> int:
        return self._handed_out(self._malloc(0, size))

    def _on_calloc(self, _opaque: int, count: int, size: int) -> int:
        return self._handed_out(self._calloc(0, count, size))

    def _on_free(self, _opaque: int, block: int) -> None:
        if block in self._loose:
            self._loose.remove(block)
            self._free(0, block)
        else:
            self._returned.append(block)

    def _on_realloc(self, _opaque: int, block: int, size: int) -> int:
        if block in self._loose:
            moved = self._realloc(0, block, size)
            if moved:
                self._loose.remove(block)
            return self._handed_out(moved)
        moved = self._malloc(0, size)
        if moved:
            self._copy(moved, block, min(size, self._kept[block]))
            self._returned.append(block)
        return self._handed_out(moved)

    def _handed_out(self, block: int) -> int:
        if block:
            self._loose.add(block)
        self._left -= 1
        if self._left == 0:
            self._give_up()
        return block

    def _give_up(self) -> None:
        """Let the runtime have the functions of the system, which know nothing of the kept moment."""
        ffi.cast("JSMallocFunctions *", self._runtime)[0] = self._native[0]
        for block in self._returned:
            self._free(0, block)
        self._copies, self._copied, self._kept, self._loose = [], None, {}, set()


def _spans(blocks: dict[int, int]) -> list[tuple[int, int]]:
    """``blocks`` with their sizes in the order of memory, those that lie side by side as one."""
    spans = list[tuple[int, int]]()
    for block, size in sorted(blocks.items()):
        begin, length = spans[-1] if spans else (0, 0)
        if spans and 0 <= block - begin - length <= _BETWEEN:
            spans[-1] = (begin, block + size - begin)
        else:
            spans.append((block, size))
    return spans


def _native_functions(library: Any) -> Any:
    """The functions that a runtime has by itself: they are the first that its structure holds.

    Raises :class:`WrongLibrary` when they are not what we take them for.
    """
    runtime = library.JS_NewRuntime()
    functions: Any = ffi.new("JSMallocFunctions *", ffi.cast("JSMallocFunctions *", runtime)[0])
    library.JS_FreeRuntime(runtime)
    block = ffi.cast(_MALLOC, functions.malloc)(0, _TRIED)
    size = ffi.cast(_SIZE_OF, functions.usable_size)(block)
    ffi.cast(_FREE, functions.free)(0, block)
    if not _TRIED <= size < 2 * _TRIED:
        raise WrongLibrary("quickjs-ng keeps its memory in another way than is known")
    return functions
