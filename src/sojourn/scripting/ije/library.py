"""QuickJS-ng by its C interface: the shared library in the wheel ``quickjs-ng``, called by cffi without a compiler.

The Python classes of that wheel are not used. Runs in the worker processes only.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from importlib import util
from typing import Any, Final

import cffi

#: The version whose structures and numbers stand below; another one is refused.
VERSION: Final = "0.17.0"

_DECLARATIONS: Final = """
typedef struct JSRuntime JSRuntime;
typedef struct JSContext JSContext;
typedef struct { uint64_t u; int64_t tag; } JSValue;
typedef JSValue JSCFunctionData(JSContext *, JSValue, int, JSValue *, int, JSValue *);
typedef void JSHostPromiseRejectionTracker(JSContext *, JSValue, JSValue, bool, void *);
typedef int JSInterruptHandler(JSRuntime *, void *);
typedef struct {
  int64_t malloc_size, malloc_limit, memory_used_size;
  int64_t malloc_count, memory_used_count, atom_count, atom_size, str_count, str_size, obj_count, obj_size,
    prop_count, prop_size, shape_count, shape_size, js_func_count, js_func_size, js_func_code_size,
    js_func_pc2line_count, js_func_pc2line_size, c_func_count, array_count, fast_array_count, fast_array_elements,
    binary_object_count, binary_object_size, reserved[16];
} JSMemoryUsage;
typedef struct { void *calloc, *malloc, *free, *realloc, *usable_size; } JSMallocFunctions;
const char *JS_GetVersion(void);
JSRuntime *JS_NewRuntime(void);
JSRuntime *JS_NewRuntime2(const JSMallocFunctions *, void *);
void JS_FreeRuntime(JSRuntime *);
void JS_SetMemoryLimit(JSRuntime *, size_t);
void JS_SetMaxStackSize(JSRuntime *, size_t);
void JS_UpdateStackTop(JSRuntime *);
void JS_SetGCThreshold(JSRuntime *, size_t);
void JS_RunGC(JSRuntime *);
void JS_ComputeMemoryUsage(JSRuntime *, JSMemoryUsage *);
void JS_SetInterruptHandler(JSRuntime *, JSInterruptHandler *, void *);
void JS_SetHostPromiseRejectionTracker(JSRuntime *, JSHostPromiseRejectionTracker *, void *);
bool JS_IsJobPending(JSRuntime *);
int JS_ExecutePendingJob(JSRuntime *, JSContext **);
JSContext *JS_NewContext(JSRuntime *);
void JS_FreeContext(JSContext *);
JSValue JS_Eval(JSContext *, const char *, size_t, const char *, int);
JSValue JS_EvalFunction(JSContext *, JSValue);
uint8_t *JS_WriteObject(JSContext *, size_t *, JSValue, int);
JSValue JS_ReadObject(JSContext *, const uint8_t *, size_t, int);
void js_free(JSContext *, void *);
JSValue JS_Call(JSContext *, JSValue, JSValue, int, JSValue *);
JSValue JS_DupValue(JSContext *, JSValue);
void JS_FreeValue(JSContext *, JSValue);
JSValue JS_GetException(JSContext *);
JSValue JS_Throw(JSContext *, JSValue);
JSValue JS_ThrowInternalError(JSContext *, const char *, ...);
void JS_SetUncatchableError(JSContext *, JSValue);
bool JS_IsError(JSValue);
bool JS_IsUncatchableError(JSValue);
JSValue JS_NewArray(JSContext *);
JSValue JS_NewObject(JSContext *);
JSValue JS_NewStringLen(JSContext *, const char *, size_t);
JSValue JS_NewCFunctionData(JSContext *, JSCFunctionData *, int, int, int, JSValue *);
int JS_SetPropertyStr(JSContext *, JSValue, const char *, JSValue);
int JS_SetPropertyUint32(JSContext *, JSValue, uint32_t, JSValue);
JSValue JS_GetPropertyStr(JSContext *, JSValue, const char *);
const char *JS_ToCStringLen2(JSContext *, size_t *, JSValue, bool);
void JS_FreeCString(JSContext *, const char *);
int JS_ToFloat64(JSContext *, double *, JSValue);
"""

EVAL_GLOBAL: Final = 0
EVAL_COMPILE_ONLY: Final = 1 << 5
WRITE_BYTECODE: Final = 1 << 0
WRITE_STRIP_SOURCE: Final = 1 << 4
READ_BYTECODE: Final = 1 << 0

TAG_INT: Final = 0
TAG_NULL: Final = 2
TAG_UNDEFINED: Final = 3
TAG_EXCEPTION: Final = 6
TAG_FLOAT: Final = 8
TAG_STRING: Final = -7
TAG_STRING_ROPE: Final = -6


class WrongLibrary(Exception):
    """The library is not there, or is not the one whose structures we know."""


ffi = cffi.FFI()
ffi.cdef(_DECLARATIONS)
ffi.cdef("""
struct mallinfo2 {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct mallinfo2 mallinfo2(void);
int malloc_trim(size_t);
void *memcpy(uintptr_t, uintptr_t, size_t);
int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long);
""")


def load() -> Any:
    """The library. Raises :class:`WrongLibrary`."""
    found = util.find_spec("_quickjs")
    if found is None or found.origin is None:
        raise WrongLibrary("the wheel quickjs-ng is not installed")
    library: Any = ffi.dlopen(found.origin)
    version = ffi.string(library.JS_GetVersion())
    if version != VERSION.encode():
        raise WrongLibrary(f"quickjs-ng {version!r} is installed, {VERSION} is needed")
    return library


def largest_size() -> int:
    """The most memory that this process ever had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def own_system() -> Any:
    """The functions of the C library of this process."""
    return ffi.dlopen(None)


def heap_meter() -> Callable[[], int]:
    """A function that says how many bytes this process has allocated; where the system does not tell, its largest size."""
    system = own_system()
    try:
        mallinfo = system.mallinfo2
    except (AttributeError, OSError):
        return largest_size

    def allocated() -> int:
        found = mallinfo()
        return int(found.uordblks + found.hblkhd)

    return allocated
