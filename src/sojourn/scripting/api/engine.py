"""The global ``engine``."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from datetime import datetime
from importlib import metadata
from typing import Final

from sojourn.core.clock import SECOND
from sojourn.core.errors import InsufficientScope
from sojourn.engine.control import Ending
from sojourn.engine.security.declared import ANYONE
from sojourn.model.scope import NO_SCOPE
from sojourn.scripting.api.auth_token import date
from sojourn.scripting.declare import BadArgument, HostClass, exposed, get, method, static
from sojourn.scripting.values import Value

#: To see what the machine looks like on which the engine runs.
TECHNICAL: Final = "security.viewTechnicalInfo"
#: To end the engine and to start it anew.
SHUTDOWN: Final = "engine.shutdown"
#: Milliseconds that it may still go on, and the largest exit code.
LONGEST_DELAY: Final = 3_600_000
_MOST_CODE: Final = 255
_GRANTED: Final = "granted for the script's own realm by name"

#: Changes of ``engine.env`` that one environment keeps, and characters of a name and of a value.
MOST_VARIABLES: Final = 256
LONGEST_NAME: Final = 100
LONGEST_VALUE: Final = 8_192

_STARTED: Final = int(time.time() * SECOND)


@exposed("Engine", "lib/engine/Engine", "context/engine", instance="engine")
class Engine(HostClass):
    """The engine that executes the script.

    ``engine.env`` holds texts by name. It begins with the values of the realm's ``globals.json``, never with variables of
    the server's process; a change is seen by this session's own scripts only, as long as their environment lives.

    Example::

        engine.env.COLOUR = 'blue';
        delete engine.env.OTHER;
        engine.env.COLOUR; // => "blue"
    """

    @get("version: string", ANYONE)
    def version(self) -> str:
        """Version of Sojourn."""
        return metadata.version("sojourn")

    @get("platform: string", ANYONE)
    def platform(self) -> str:
        """Operating system: ``linux`` or ``darwin``."""
        return sys.platform

    @get("instanceId: string", ANYONE)
    def instance_id(self) -> str:
        """Name of this run of the engine, another one after each start."""
        run = self.run.rules.sessions.transients.session_tokens.run
        return hashlib.sha256(f"instance {run}".encode()).hexdigest()[:32]

    @get("startTime: Date", ANYONE)
    def start_time(self) -> datetime | None:
        """When this process of the engine was started."""
        return date(_STARTED)

    @get("processId: number", TECHNICAL)
    def process_id(self) -> int:
        """Id of this process of the engine."""
        return os.getpid()

    @get("localHost: string", TECHNICAL)
    def local_host(self) -> str:
        """The address that the engine listens on, as its settings say it."""
        return self.run.rules.settings.server.host

    @get("localPort: number", TECHNICAL)
    def local_port(self) -> int:
        """The port that the engine listens on, as its settings say it."""
        return self.run.rules.settings.server.port

    @get("env: Record<string, string>", ANYONE)
    def env(self) -> None:
        """Texts by name, see above; what is assigned is kept as a text."""

    @method("exit(code?: number, delay?: number): void", SHUTDOWN, also=_GRANTED, writes=True)
    async def exit(self, code: int = 0, delay: int = 0) -> None:
        """Ends the engine in good order, after ``delay`` milliseconds (an hour at most), with the exit code ``code`` (0 to 255).

        It takes no more requests, finishes those under way, this one too, for ten seconds at most, closes its stores and
        ends, with all its processes. A supervisor may start it again. Throws `AlreadyEnding`, and `NotServing` where the
        script does not run in a server: on the command line, or in an engine within another application.
        """
        if not 0 <= code <= _MOST_CODE:
            raise BadArgument(f"code is 0 to {_MOST_CODE}")
        await self._end(Ending(restart=False, code=code), delay)

    @method("restart(delay?: number): void", SHUTDOWN, also=_GRANTED, writes=True)
    async def restart(self, delay: int = 0) -> None:
        """Ends the engine as `exit` does, and starts it anew with the same command in the same process.

        All environments are gone then; sessions of persistent stores live on.
        """
        await self._end(Ending(restart=True), delay)

    @method("isEdgeServer(): boolean", ANYONE)
    def is_edge_server(self) -> bool:
        """Whether the engine reaches its database through another engine: never, here."""
        return False

    async def _end(self, ending: Ending, delay: int) -> None:
        if not 0 <= delay <= LONGEST_DELAY:
            raise BadArgument(f"delay is 0 to {LONGEST_DELAY} ms")
        rules, access = self.run.rules, self.run.session.access
        session = access.session
        # A scope that holds everywhere is not lent to the scripts of each realm that its owner happens to come by.
        held = await (await rules.facts.current()).held(session.identity.user_key)
        if SHUTDOWN not in held.get(access.realm.id, NO_SCOPE):
            raise InsufficientScope(f"this needs the scope {SHUTDOWN}, {_GRANTED}")
        rules.control.check()
        await rules.audit.record(
            "ADMIN",
            realm=access.realm.id,
            outcome="ok",
            actor=session.identity.user_name,
            session=session.id,
            address=session.device.address,
            detail={"act": "restart" if ending.restart else "exit", "code": ending.code, "delay": delay},
        )
        rules.control.end(ending, delay)


@exposed("EngineEnv", role="internal")
class EngineEnv(HostClass):
    """The far side of ``engine.env``, which is written in ``prelude/engine_env.js``."""

    @static("names(): string[]", ANYONE)
    def names(self) -> Value:
        """The names that have a value, in order."""
        changes = self.run.kept.env
        named = {*self.run.realm.globals, *changes}
        return [name for name in sorted(named) if changes.get(name, "") is not None]

    @static("read(name: string): string | undefined", ANYONE)
    def read(self, name: str) -> str | None:
        """The value, null without one."""
        changes = self.run.kept.env
        return changes[name] if name in changes else self.run.realm.globals.get(name)

    @static("write(name: string, value: string | null): void", ANYONE)
    def write(self, name: str, value: str | None) -> None:
        """Set a value, or remove it with null; raises ``BadArgument`` for too much."""
        changes = self.run.kept.env
        if not 0 < len(name) <= LONGEST_NAME or len(value or "") > LONGEST_VALUE:
            raise BadArgument(
                f"engine.env has names of {LONGEST_NAME} and values of {LONGEST_VALUE} characters at most"
            )
        if name not in changes and len(changes) >= MOST_VARIABLES:
            raise BadArgument(f"engine.env keeps {MOST_VARIABLES} changes at most")
        changes[name] = value
