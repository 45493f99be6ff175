"""A JavaScript global scope in this process: one QuickJS runtime with one context, and the bridge in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Literal

from sojourn.scripting.ije.bytecode import Prelude, loaded
from sojourn.scripting.ije.heap import Heap
from sojourn.scripting.ije.library import EVAL_GLOBAL, TAG_EXCEPTION, TAG_NULL, TAG_STRING, TAG_STRING_ROPE, ffi
from sojourn.scripting.ije.values import EXCEPTION, UNDEFINED, number, text_of

#: Memory of JavaScript values while nothing of a user runs, in bytes.
_ENOUGH: Final = 256 << 20
#: Allocation until cycles are looked for the first time, in bytes: the prelude has none.
_QUIET: Final = 2 << 20
#: Memory beyond the limit for the text of an error and for cleaning up, in bytes.
HEADROOM: Final = 4 << 20
#: C stack that JavaScript may use, in bytes; half of what a process has at least.
STACK: Final = 3 << 20


class Thrown(Exception):
    """JavaScript has thrown; the value is pending in the scope."""


#: Rejected promises of one execution that are kept in view, and that are logged.
_NOTED: Final = 100
_TOLD: Final = 20


class Natives:
    """What the bridge calls: the functions of this process, as one C callback each.

    Args:
        library: The loaded library.
        prelude: What makes the classes of the host.
        send: Hands a packet to the host and returns its answer; None stops the script for good.
        interrupted: Asked from time to time while JavaScript runs; true stops the script for good.
    """

    def __init__(
        self, library: Any, prelude: Prelude, send: Callable[[bytes], bytes | None], interrupted: Callable[[], bool]
    ) -> None:
        self._library = library
        self._prelude = prelude
        self._send = send
        self._interrupted = interrupted
        #: In the order of NAMES.
        self._functions = (self._host_call, self._evaluate, self._declared, self._now)
        self.callback = ffi.callback("JSCFunctionData", self._called)
        self.interrupt = ffi.callback("JSInterruptHandler", self._asked)
        self.tracker = ffi.callback("JSHostPromiseRejectionTracker", self._rejected)
        #: Promises that were rejected and that nothing has handled so far, with their reasons, by their addresses.
        self.rejected: dict[int, tuple[Any, Any]] = {}
        #: How many more there are.
        self.more = 0

    def _called(self, context: Any, _this: Any, _count: int, arguments: Any, which: int, _data: Any) -> Any:
        return self._functions[which](context, arguments)

    def _host_call(self, context: Any, arguments: Any) -> Any:
        library = self._library
        packet = text_of(library, context, arguments[0])
        answer = None if packet is None else self._send(packet)
        if answer is None:
            return self._stopped(context)
        return library.JS_NewStringLen(context, answer, len(answer))

    def _stopped(self, context: Any) -> Any:
        library = self._library
        library.JS_ThrowInternalError(context, b"interrupted")
        error = library.JS_GetException(context)
        library.JS_SetUncatchableError(context, error)
        return library.JS_Throw(context, error)

    def _evaluate(self, context: Any, arguments: Any) -> Any:
        library = self._library
        size = ffi.new("size_t *")
        code = library.JS_ToCStringLen2(context, size, arguments[0], False)
        if code == ffi.NULL:
            return EXCEPTION
        file = library.JS_ToCStringLen2(context, ffi.NULL, arguments[1], False)
        value = EXCEPTION if file == ffi.NULL else library.JS_Eval(context, code, size[0], file, EVAL_GLOBAL)
        if file != ffi.NULL:
            library.JS_FreeCString(context, file)
        library.JS_FreeCString(context, code)
        return value

    def _declared(self, context: Any, arguments: Any) -> Any:
        name = text_of(self._library, context, arguments[0])
        return EXCEPTION if name is None else loaded(self._library, context, self._prelude.declared[name])

    def _now(self, _context: Any, _arguments: Any) -> Any:
        return number(time.monotonic() * 1000)

    def _rejected(self, context: Any, promise: Any, reason: Any, handled: bool, _opaque: Any) -> None:  # noqa: FBT001
        # JavaScript that runs in here could not be interrupted: the interruption would be lost with its error.
        dup, at = self._library.JS_DupValue, int(promise.u)
        if not handled:
            if len(self.rejected) < _NOTED:
                self.rejected[at] = (dup(context, promise), dup(context, reason))
            else:
                self.more += 1
        elif at in self.rejected:
            for value in self.rejected.pop(at):
                self._library.JS_FreeValue(context, value)
        else:
            self.more = max(0, self.more - 1)

    def _asked(self, _runtime: Any, _opaque: Any) -> int:
        return 1 if self._interrupted() else 0


class Scope:
    """A global scope with the whole prelude."""

    def __init__(self, library: Any, prelude: Prelude, natives: Natives) -> None:
        self._library = library
        self._prelude = prelude
        self._natives = natives
        self._build()

    def _build(self) -> None:
        library, natives = self._library, self._natives
        self._heap = Heap(library)
        self._runtime = library.JS_NewRuntime2(self._heap.functions, ffi.NULL)
        library.JS_SetMemoryLimit(self._runtime, _ENOUGH)
        library.JS_SetGCThreshold(self._runtime, _QUIET)
        library.JS_SetMaxStackSize(self._runtime, STACK)
        library.JS_SetInterruptHandler(self._runtime, natives.interrupt, ffi.NULL)
        self._context = library.JS_NewContext(self._runtime)
        self._bridge = self._built(self._prelude)
        self._start = self._property(b"start")
        self._poll = self._property(b"poll")
        self._failed = self._property(b"failed")
        self._tell, self._tell_more = self._property(b"tell"), self._property(b"tellMore")
        library.JS_SetHostPromiseRejectionTracker(self._runtime, natives.tracker, ffi.NULL)
        prepare = self._property(b"prepare")
        self._called(prepare, [])
        self._free(prepare)
        library.JS_RunGC(self._runtime)
        self._heap.keep(self._runtime)

    def renew(self) -> None:
        """A fresh global scope in place of this one, of which nothing is left."""
        if not self._heap.restore():
            self._close()
            self._build()

    def set_memory(self, most: int) -> None:
        """Let JavaScript values have ``most`` bytes."""
        self._library.JS_SetMemoryLimit(self._runtime, most)

    def memory_used(self) -> int:
        """What is left in use after a collection, in bytes."""
        usage: Any = ffi.new("JSMemoryUsage *")
        self._library.JS_RunGC(self._runtime)
        self._library.JS_ComputeMemoryUsage(self._runtime, usage)
        return int(usage.malloc_size)

    def start(self, packet: bytes) -> None:
        """Begin a task; raises :class:`Thrown`."""
        text = self._library.JS_NewStringLen(self._context, packet, len(packet))
        if text.tag == TAG_EXCEPTION:
            raise Thrown
        try:
            self._free(self._called(self._start, [text]))
        finally:
            self._free(text)

    def poll(self) -> bytes | float:
        """The packet of the outcome, or the milliseconds until the next call; raises :class:`Thrown`."""
        value = self._called(self._poll, [])
        try:
            if value.tag in {TAG_STRING, TAG_STRING_ROPE}:
                packet = text_of(self._library, self._context, value)
                if packet is None:
                    raise Thrown
                return packet
            found = ffi.new("double *")
            self._library.JS_ToFloat64(self._context, found, value)
            return float(found[0])
        finally:
            self._free(value)

    def job(self) -> bool:
        """Run one pending promise job; false when there is none. Raises :class:`Thrown` for an interrupt."""
        done = self._library.JS_ExecutePendingJob(self._runtime, ffi.new("JSContext **"))
        if done < 0:
            raise Thrown
        return bool(done)

    @property
    def has_jobs(self) -> bool:
        """Whether promise jobs are pending."""
        return bool(self._library.JS_IsJobPending(self._runtime))

    def failed(self) -> tuple[bytes | None, Literal["no", "perhaps", "yes"]]:
        """The packet of the outcome for what was thrown, None when it cannot be said; and whether memory was short.

        QuickJS throws ``null`` when it has no memory left for an error; a script may do so too.
        """
        thrown = self._library.JS_GetException(self._context)
        try:
            value = self._called(self._failed, [thrown])
            packet = text_of(self._library, self._context, value)
            self._free(value)
        except Thrown:
            self._free(self._library.JS_GetException(self._context))
            packet = None
        empty = thrown.tag == TAG_NULL
        self._free(thrown)
        if packet is None or packet.startswith(_OUT_OF_MEMORY):
            return packet, "yes"
        return packet, "perhaps" if empty else "no"

    def tell_rejections(self) -> None:
        """Log the promises that were rejected and that nothing has handled; raises :class:`Thrown`."""
        natives = self._natives
        reasons, more = [reason for _, reason in natives.rejected.values()], natives.more
        for reason in reasons[:_TOLD]:
            self._free(self._called(self._tell, [reason]))
        more += len(reasons[_TOLD:])
        if more:
            self._free(self._called(self._tell_more, [number(more)]))

    def forget_rejections(self) -> None:
        """Let go of them."""
        for values in self._natives.rejected.values():
            for value in values:
                self._free(value)
        self._natives.rejected, self._natives.more = {}, 0

    def forget(self) -> None:
        """Drop what was thrown."""
        self._free(self._library.JS_GetException(self._context))

    def _close(self) -> None:
        for value in (self._start, self._poll, self._failed, self._tell, self._tell_more, self._bridge):
            self._free(value)
        self._library.JS_FreeContext(self._context)
        self._library.JS_FreeRuntime(self._runtime)

    def enter(self) -> None:
        """Measure the stack from here on."""
        self._library.JS_UpdateStackTop(self._runtime)

    def _called(self, function: Any, arguments: list[Any]) -> Any:
        listed = ffi.new("JSValue[]", arguments)
        value = self._library.JS_Call(self._context, function, UNDEFINED, len(arguments), listed)
        if value.tag == TAG_EXCEPTION:
            raise Thrown
        return value

    def _free(self, value: Any) -> None:
        self._library.JS_FreeValue(self._context, value)

    def _property(self, name: bytes) -> Any:
        return self._library.JS_GetPropertyStr(self._context, self._bridge, name)

    def _built(self, prelude: Prelude) -> Any:
        library, context = self._library, self._context
        function = loaded(library, context, prelude.begin)
        outline = library.JS_NewStringLen(context, prelude.outline, len(prelude.outline))
        arguments = [self._natives_object(), outline]
        bridge = self._called(function, arguments)
        for value in (*arguments, function):
            self._free(value)
        return bridge

    def _natives_object(self) -> Any:
        library, context = self._library, self._context
        natives = library.JS_NewObject(context)
        for which, name in enumerate(NAMES):
            function = library.JS_NewCFunctionData(context, self._natives.callback, 0, which, 0, ffi.NULL)
            library.JS_SetPropertyStr(context, natives, name, function)
        return natives


#: The functions of :class:`Natives` as ``bridge.js`` knows them.
NAMES: Final = (b"send", b"evaluate", b"declared", b"now")
_OUT_OF_MEMORY: Final = b'{"op":"done","e":{"name":"InternalError","message":"out of memory'
