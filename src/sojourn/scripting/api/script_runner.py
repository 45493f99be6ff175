"""``ScriptRunner``: a script in an environment and a session of its own."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal

import msgspec

from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.api.session import checked_tracking_id
from sojourn.scripting.declare import CLASSES, BadArgument, HostClass, exposed, get, method, new, put
from sojourn.scripting.run import Run
from sojourn.scripting.runner import Runner, RunnerDisposed
from sojourn.scripting.runners import Wish, open_runner
from sojourn.scripting.values import UNDEFINED, Value

_OWN: Final = "its own session, or what its user may do"


class _Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    runtime: Literal["ije", "v8"] | None = None
    realm: str | None = None
    session_id: str | None = None
    wait_timeout: Annotated[float, msgspec.Meta(ge=0)] | None = None


@exposed("ScriptRunner", "lib/runner/ScriptRunner", "lib/script/ScriptRunner", "lib/session/ScriptRunner")
class ScriptRunner(HostClass):
    """Runs a script in an environment of its own, as a session of its own, which begins as nobody.

    Only primitive values (undefined, null, booleans, numbers, strings and BigInts) and DataSets go in and come out; anything
    else throws ``NotPrimitive``. A runner lives as long as the execution that made it, and what it runs has no more time than that one.
    Runners start runners at most 8 deep, and one execution with all that it causes holds at most 16. The session ends with
    the session that made it, and with its login; it keeps no fields.

    Example::

        const runner = new ScriptRunner('ufs:/sum.js');
        runner.publishGlobalProperty('a', 2);
        runner.publishGlobalProperty('b', 3);
        const sum = runner.run();
        runner.dispose();
        sum; // => 5
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._made: Runner | None = None

    @new("constructor(fileId: string | number, options?: ScriptRunnerOptions)", ANYONE, also="`runnersFrom` of a realm")
    async def make(self, file_id: str | int, options: Any = None) -> None:
        """A runner for the script with that URI or key; the script is run by :meth:`run`.

        Options: ``runtime`` is ``'ije'`` (the default) or ``'v8'``; without ``realm`` the session lives in the realm of the
        caller, in an environment that nobody else has used. ``realm`` takes the environment and the runtime of that realm,
        which has to name the caller's in ``runnersFrom`` unless it is the same: from its pool where it is stateless, and a
        new session with an environment of its own where it is stateful. ``sessionId`` goes on with such a session, which
        this session has made through a ``ScriptRunner`` under the same login. ``waitTimeout`` is how many milliseconds to
        wait while another runner works with it; without one that throws ``SessionBusy`` at once.

        Throws ``ScriptUnknown``, ``RealmClosed``, ``SessionUnknown``, ``SessionBusy``, ``TurnTimeout``,
        ``RunnersExhausted``.
        """
        self._made = await open_runner(self.run, file_id, _wish(options))
        self.run.closing.append(self._forgotten)

    @get("sessionId: string", ANYONE)
    def session_id(self) -> str:
        """Public id of the session that it runs as."""
        return self._runner.session.id

    @get("trackingId: string", ANYONE)
    async def tracking_id(self) -> str:
        """``session.trackingId`` of that session."""
        return await self._runner.tracking_id()

    @put("trackingId", ANYONE)
    async def set_tracking_id(self, value: str) -> None:
        """Raises ``BadArgument`` for what is no such text."""
        await self._runner.set_tracking_id(checked_tracking_id(value))

    @method("login(userId: string, password: string): boolean", ANYONE, also="the password")
    async def login(self, user_id: str, password: str) -> bool:
        """Log its session in, by name or mail address; false for wrong ones, and then it stays as it was.

        Throws ``AccountUnusable``, ``TooManyTries``.
        """
        return await self._runner.login(user_id, password)

    @method("loginBySession(session: Session): void", ANYONE)
    async def login_by_session(self, session: Any) -> None:
        """Give it the user of this session; ``session`` is the global one, no other is taken.

        It may do at most what this session may. In another realm it may do of that what its user may do there; throws
        ``NotAdmittedThere`` where the user cannot be.
        """
        if session != _handed_over("session"):
            raise BadArgument("loginBySession takes the global session")
        await self._runner.login_by_session()

    @method("loginByAuthToken(authToken: string): void", ANYONE, also="the text of the token")
    async def login_by_auth_token(self, auth_token: str) -> None:
        """Log it in with an AuthToken. One for certain scripts has to name this script and all that have led here.

        Throws ``AuthTokenRefused``, and then it stays as it was.
        """
        await self._runner.login_by_auth_token(auth_token)

    @method("run(): Primitive", ANYONE, also=_OWN)
    async def run_script(self) -> Value:
        """Run the script; its last value, once a promise is settled.

        Throws ``NotPrimitive`` for a value that is none, and what the script throws, as ``ScriptFailed``.
        """
        return await self._runner.run()

    @method("applyFunction(name: string, args?: Primitive[]): Primitive", ANYONE, also=_OWN)
    async def apply_function(self, name: str, args: Any = None) -> Value:
        """The result of a global function of the script, which is run once before the first call.

        Example::

            const runner = new ScriptRunner('ufs:/area.js');
            runner.applyFunction('area', [3, 4]); // => 12
        """
        if args is not None and not isinstance(args, list):
            raise BadArgument("the arguments of applyFunction are an array")
        return await self._runner.call(name, args or [])

    @method("callFunction(name: string, ...args: Primitive[]): Primitive", ANYONE, also=_OWN)
    async def call_function(self, name: str, *args: Value) -> Value:
        """As :meth:`applyFunction`, with the arguments one by one."""
        return await self._runner.call(name, args)

    @method("evaluate(expression: string): Primitive", ANYONE, also=_OWN)
    async def evaluate(self, expression: str) -> Value:
        """The value of an expression in the global scope of the environment; the script is not run for it.

        Example::

            new ScriptRunner('ufs:/sum.js').evaluate('6 * 7'); // => 42
        """
        return await self._runner.evaluate(expression)

    @method("publishGlobalProperty(name: string, value: Primitive): void", ANYONE, also=_OWN)
    async def publish_global_property(self, name: str, value: Any = UNDEFINED) -> None:
        """Give the environment a global variable."""
        await self._runner.publish(name, value)

    @method("readGlobalProperty(name: string): Primitive", ANYONE, also=_OWN)
    async def read_global_property(self, name: str) -> Value:
        """A global variable of the environment, undefined when there is none."""
        return await self._runner.read(name)

    @method("clear(): void", ANYONE)
    async def clear(self) -> None:
        """Remove all global variables, published ones too: the environment begins anew, and so does a lost one."""
        await self._runner.clear()

    @method("dispose(): void", ANYONE)
    async def dispose(self) -> None:
        """Give the environment back now; it happens by itself when the execution is over. May be called again."""
        if self._made is not None:
            await self._made.dispose()

    async def _forgotten(self) -> None:
        """The execution is over: what a script still holds of it is of no use."""
        handles = self.run.kept.handles
        for number in [number for number, handle in handles.items() if handle.object is self]:
            del handles[number]

    @property
    def _runner(self) -> Runner:
        if self._made is None:
            raise RunnerDisposed
        return self._made


def _handed_over(instance: str) -> dict[str, Any]:
    """How an instance of the host arrives as an argument: nothing is in it but the instances that hang on it.

    It says nothing of whose session is meant, and need not: that is always the one of the execution.
    """
    parts = [spec.instance for spec in CLASSES.values() if spec.instance.rpartition(".")[0] == instance]
    return {part.rpartition(".")[2]: _handed_over(part) for part in parts}


def _wish(options: Any) -> Wish:
    given = {} if options is None or options == UNDEFINED else options
    if not isinstance(given, dict):
        raise BadArgument("the options of a ScriptRunner are an object")
    named = {name: value for name, value in given.items() if value is not None and value != UNDEFINED}
    try:
        wanted = msgspec.convert(named, _Options)
    except msgspec.ValidationError as error:
        raise BadArgument(f"options of a ScriptRunner: {error}") from None
    wait = wanted.wait_timeout
    if wait is not None and wanted.session_id is None:
        raise BadArgument("options of a ScriptRunner: waitTimeout goes with sessionId")
    if wait is not None and not math.isfinite(wait):
        raise BadArgument("options of a ScriptRunner: waitTimeout is a number of milliseconds")
    return Wish(wanted.runtime, wanted.realm, wanted.session_id, None if wait is None else math.ceil(wait))
