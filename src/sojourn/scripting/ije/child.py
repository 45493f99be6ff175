"""What a worker process does: take a task, run it, say how it went."""

from __future__ import annotations

import json
import math
import os
import resource
import select
import sys
import time
from socket import AF_UNIX, MSG_DONTWAIT, MSG_PEEK, SOCK_DGRAM, SOCK_SEQPACKET, socket, socketpair
from typing import Any, Final

from sojourn.scripting.ije.bytecode import Prelude
from sojourn.scripting.ije.library import heap_meter, largest_size
from sojourn.scripting.ije.scope import HEADROOM, Natives, Scope, Thrown

#: Bytes of a message in one packet, and the most that a packet has; see ``sojourn.scripting.wire``.
PART: Final = 65_000
PACKET: Final = 65_536

#: How often a running script looks whether it was called off, in seconds of CPU.
_LOOK_EVERY: Final = 0.005
#: Seconds of CPU after which the system ends a process that does not see its own limit.
_PATIENCE: Final = 2

_ABORT: Final = b'{"op":"abort"}'


class Line:
    """The worker's end of the socket. When the server is gone, so is the worker."""

    def __init__(self, end: socket) -> None:
        self._socket = end
        self._number = 0

    def send(self, message: bytes) -> None:
        """Hand a message over."""
        self._number += 1
        last = max(len(message) - 1, 0) // PART
        try:
            for at in range(last + 1):
                part = message[at * PART : (at + 1) * PART] if last else message
                self._socket.send(b"%d%d %b\n" % ((at == 0) | (at == last) << 1, self._number, part))
        except OSError:
            os._exit(0)

    def receive(self) -> bytes:
        """The next message."""
        number, parts = b"", list[bytes]()
        while True:
            head, _, part = self._packet().partition(b" ")
            flags = head[0] - 48
            if flags & 1:
                number, parts = head[1:], []
            elif head[1:] != number:
                continue
            parts.append(part[:-1])
            if flags & 2:
                return b"".join(parts)

    def called_off(self) -> bool:
        """Whether the server wants something while a script runs: that can only be its end."""
        try:
            if not self._socket.recv(1, MSG_PEEK | MSG_DONTWAIT):
                os._exit(0)
        except BlockingIOError:
            return False
        except OSError:
            os._exit(0)
        return True

    def wait(self, seconds: float) -> None:
        """Wait, or until the server says something."""
        select.select([self._socket], [], [], seconds)

    def _packet(self) -> bytes:
        try:
            packet = self._socket.recv(PACKET)
        except OSError:
            packet = b""
        return packet or os._exit(0)


class Child:
    """One worker. Made in the zygote, so that its first scope is there when it begins to serve."""

    def __init__(self, library: Any, prelude: Prelude) -> None:
        self._library = library
        self._prelude = prelude
        self._line: Line
        #: Why the task is being ended: ``timeout``, ``aborted``; empty while it may go on.
        self._stopped = ""
        self._cpu_end = math.inf
        self._look_at = math.inf
        #: Memory that the next task gets beyond its limit, to free what an earlier one has left; -1 when that is too much.
        self._extra = 0
        self._soft_limit = 0
        self._confined = False
        self._heap = heap_meter()
        #: What was allocated before the first task, when this one began, and the most that was seen since.
        self._base = 0
        self._idle = 0
        self._most = 0
        self._size = 0
        self._natives = Natives(library, prelude, self._host_call, self._interrupted)
        self._scope = Scope(library, prelude, self._natives)

    def serve(self, end: socket) -> None:
        """Do what the server says, until it hangs up."""
        self._line = Line(end)
        self._idle = self._heap()
        self._confined = True
        while True:
            self._obey(self._line.receive())

    def warm_up(self) -> None:
        """Do once what every worker does: what is loaded by that is loaded before the fork, and shared by all of them."""
        near, far = socketpair(AF_UNIX, SOCK_DGRAM if sys.platform == "darwin" else SOCK_SEQPACKET)
        with near, far:
            self._line, other = Line(near), Line(far)
            for task in _WARM_UP:
                other.send(b'{"q":1,"e":{"name":"Error","message":"none"}}')
                self._obey(task)
                other.send(b'{"op":"reset"}')
                self._obey(self._line.receive())
                for _ in range(3):
                    other.receive()

    def _obey(self, message: bytes) -> None:
        order = json.loads(message)
        if order["op"] == "run":
            self._line.send(self._run(order, message))
            if order["last"]:
                self._renew()
        elif order["op"] == "reset":
            self._renew()
            self._line.send(b'{"op":"ready"}')

    def _renew(self) -> None:
        # Else the new scope would be interrupted like the last task.
        self._stopped = ""
        self._scope.renew()
        self._extra = 0

    def _run(self, order: dict[str, Any], message: bytes) -> bytes:
        self._begin(order)
        try:
            self._scope.start(message)
            packet = self._outcome()
        except Thrown:
            packet = self._failure(order["memory"])
        self._tell_rejections()
        if self._scope.has_jobs:
            self._drain_quietly()
        self._cpu_end = self._look_at = math.inf
        spent = self._scope.has_jobs or self._extra < 0
        return packet[:-1] + b',"spent":true}' if spent else packet

    def _begin(self, order: dict[str, Any]) -> None:
        now = time.process_time()
        self._stopped = ""
        self._cpu_end = now + order["cpu"] / 1000
        self._look_at = now + _LOOK_EVERY
        soft = int(self._cpu_end) + _PATIENCE
        if self._confined and soft != self._soft_limit:
            self._soft_limit = soft
            resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
        self._base = self._most = self._heap()
        self._size = largest_size()
        self._scope.enter()
        self._scope.set_memory(order["memory"] + self._extra)

    def _outcome(self) -> bytes:
        scope = self._scope
        while True:
            while scope.job():
                pass
            result = scope.poll()
            if isinstance(result, bytes):
                return result
            if result > 0:
                self._line.wait(result / 1000)
                if self._line.called_off():
                    self._stopped = "aborted"
                    raise Thrown

    def _failure(self, memory: int) -> bytes:
        scope = self._scope
        if self._halted():
            scope.forget()
            return _STOPPED[self._stopped]
        self._most = max(self._most, self._heap())
        scope.set_memory(memory + self._extra + HEADROOM)
        packet, short = scope.failed()
        # Getters of what was thrown have run; they may have used up the time that was left.
        if self._halted():
            return _STOPPED[self._stopped]
        if packet is None or short == "yes" or (short == "perhaps" and self._was_full(memory)):
            used = scope.memory_used()
            # What the next task needs to free what this one has left; a scope that is too full for that is given up.
            self._extra = max(0, used + HEADROOM - memory) if used < memory + HEADROOM else -1
            return _OUT_OF_MEMORY
        return packet

    def _was_full(self, memory: int) -> bool:
        # What was seen from time to time, and what the system has seen: nearly full, or much more than at the beginning.
        most = max(self._most, self._heap())
        grown = max(most - self._base, largest_size() - self._size)
        return most - self._idle > memory * 3 // 4 or grown > memory // 4

    def _tell_rejections(self) -> None:
        try:
            if not self._halted():
                self._scope.tell_rejections()
        except Thrown:
            self._scope.forget()
        self._scope.forget_rejections()

    def _halted(self) -> bool:
        return self._stopped != ""

    def _drain_quietly(self) -> None:
        try:
            while self._scope.job():
                pass
        except Thrown:
            self._scope.forget()

    def _host_call(self, packet: bytes) -> bytes | None:
        if self._stopped:
            return None
        self._line.send(packet)
        answer = self._line.receive()
        if answer == _ABORT:
            self._stopped = "aborted"
            return None
        return answer

    def _interrupted(self) -> bool:
        if self._stopped:
            return True
        self._most = max(self._most, self._heap())
        now = time.process_time()
        if now >= self._cpu_end:
            self._stopped = "timeout"
        elif now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            if self._line.called_off():
                self._stopped = "aborted"
        return self._stopped != ""


_WARM_UP: Final = [
    json.dumps(
        {
            "op": "run",
            "cpu": 60_000,
            "memory": 64 << 20,
            "message": 1_000_000,
            "last": False,
            "facts": {},
            "seed": "0" * 32,
            "task": {"type": "script", "file": "sojourn:warm_up.js", "code": code},
        }
    ).encode()
    for code in (
        "try { require('./none') } catch {} setTimeout(() => {}, 1); new Promise((done) => setTimeout(done, 2, [{}]))",
        "try { require('./none') } catch {} session; request; throw new Error('none')",
    )
]
_STOPPED: Final = {
    "timeout": b'{"op":"done","e":{"name":"ScriptTimeout","message":"the script used more CPU time than it may",'
    b'"kind":"timeout"}}',
    "aborted": b'{"op":"done","e":{"name":"ScriptTimeout","message":"the script was called off","kind":"timeout"}}',
}
_OUT_OF_MEMORY: Final = b'{"op":"done","e":{"name":"InternalError","message":"out of memory","kind":"memory"}}'
