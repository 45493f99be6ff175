"""Answers the host calls of one execution: finds the member, asks for its right, checks the arguments, calls it.

The worker's word counts for nothing here: a name that is no member, a member of another kind, arguments of other types
are refused like those of a stranger.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from sojourn.core.errors import BadRequest, CrossSiteWrite, InsufficientScope, SojournError, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.security.declared import ANYONE, LOGGED_IN, SELF
from sojourn.scripting.declare import CLASSES, ClassSpec, HostClass, Member, arguments, member_of, steady_members
from sojourn.scripting.run import Run
from sojourn.scripting.values import UNDEFINED, Value

_log = logging.getLogger(__name__)

#: Which scripts were told that something is deprecated: realm, script, wire name.
_told: set[tuple[str, str, str]] = set()
_MOST_TOLD: Final = 10_000

#: How the signature of a function ends that gives nothing; to scripts that is ``undefined``, never ``null``.
_NOTHING: Final = "): void"


class NoSuchFunction(BadRequest):
    """The host has no such function."""

    code = "script.no_such_function"


class HostFailure(SojournError):
    """Internal error."""

    code = "script.internal"


class Dispatcher:
    """The :class:`~sojourn.scripting.runtime.Host` of one execution."""

    def __init__(self, run: Run) -> None:
        self._run = run
        #: The one instance of each class that has one, made at its first use.
        self._instances: dict[str, HostClass] = {}
        #: As whom the session was when the worker was last told what is steady.
        self._told: Access | None = None

    def facts(self, begins: bool) -> Mapping[str, Value] | None:  # noqa: FBT001 - as the port has it
        """What the steady members give, by wire name; None when the worker knows it. ``begins``: a task does.

        All that they depend on is the identity of the session and what never changes in an execution.
        """
        access = self._run.session.access
        if access is self._told and not begins:
            return None
        self._told = access
        return {name: getattr(self._single(spec), one.python)() for name, spec, one in steady_members()}

    async def call(self, function: str, args: Sequence[Value]) -> Value:
        """The result of a host function.

        Raises ``NoSuchFunction``, ``BadArgument``, ``Unauthorized``, ``InsufficientScope``, ``StaleSession``, what the
        function itself raises, and :class:`HostFailure` for what it should not have raised.
        """
        try:
            return await self._call(function, args)
        except SojournError as error:
            if self._run.exchange is not None:
                self._run.exchange.raised = error
            raise
        except Exception as error:
            _log.exception("host function %s failed", function[:100], extra={"executionKey": self._run.execution_key})
            raise HostFailure from error

    async def _call(self, function: str, args: Sequence[Value]) -> Value:
        found = member_of(function)
        if found is None:
            raise NoSuchFunction
        spec, member = found
        await self._admit(spec, member)
        if member.deprecated:
            self._tell_once(function, member)
        target, rest = self._target(spec, member, args)
        made = getattr(target, member.python)(*arguments(getattr(type(target), member.python), rest))
        result = await made if inspect.isawaitable(made) else made
        if member.kind == "new":
            return self._run.keep(target, target.on_release)
        return UNDEFINED if result is None and member.signature.endswith(_NOTHING) else result

    def _tell_once(self, function: str, member: Member) -> None:
        """Say in the log that a script uses what it should not any more: once for each script in this process."""
        run = self._run
        known = (run.realm.id, run.scripts[0] if run.scripts else "", function)
        if run.log is None or known in _told or len(_told) >= _MOST_TOLD:
            return
        _told.add(known)
        run.log("warning", f"{function} is deprecated. {member.deprecated}")

    async def _admit(self, spec: ClassSpec, member: Member) -> None:
        """Raise ``Unauthorized`` or ``InsufficientScope`` unless the session has the right that a member needs.

        ``SessionEnded`` or ``StaleSession`` for a session that is not what it was when the script began: another process
        that has ended it cannot break the script off. ``CrossSiteWrite`` for a member that changes something, where the
        session is read-only. ``self`` means the account of the session, which the function works on without being told
        whose it is.
        """
        if member.writes and self._run.session.access.read_only:
            raise CrossSiteWrite
        if member.right == ANYONE:
            return
        access = self._run.session.access
        if access.kind == "anonymous":
            raise Unauthorized(f"{spec.name}.{member.name} needs a login")
        if member.right not in (LOGGED_IN, SELF) and member.right not in access.scope:
            raise InsufficientScope(f"{spec.name}.{member.name} needs the scope {member.right}")
        await self._run.session.check()

    def _target(self, spec: ClassSpec, member: Member, args: Sequence[Value]) -> tuple[Any, Sequence[Value]]:
        """The object whose member is meant, and the arguments that are left for it."""
        if member.kind == "new":
            return spec.python(self._run), args
        if spec.instance or spec.role != "class" or member.kind == "static":
            return self._single(spec), args
        held = self._run.held(args[0] if args else UNDEFINED)
        if type(held) is not spec.python:
            raise NoSuchFunction
        held.run = self._run
        return held, args[1:]

    def _single(self, spec: ClassSpec) -> HostClass:
        known = self._instances.get(spec.name)
        if known is None:
            known = self._instances[spec.name] = spec.python(self._run)
        return known


def bridge_spec() -> list[dict[str, Any]]:
    """All classes as the bridge in the worker builds them: name, where they are found, members with their kinds."""
    # They are declared when their modules are imported, and nobody needs them before a runtime is opened.
    import_module("sojourn.scripting.api")
    return [
        {
            "name": spec.name,
            "modules": list(spec.modules),
            "instance": spec.instance,
            "role": spec.role,
            "members": [[one.kind, one.name, one.deprecated] for one in spec.members],
        }
        for spec in sorted(CLASSES.values())
    ]
