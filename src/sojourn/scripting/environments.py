"""An environment: one worker of a runtime, with what belongs to its global scope on the host's side."""

from __future__ import annotations

import asyncio
import logging

from sojourn.core.errors import SojournError
from sojourn.engine.live import Session
from sojourn.model.realm import Realm
from sojourn.model.token import ScriptText
from sojourn.scripting.errors import EnvironmentLost
from sojourn.scripting.run import HostHandle, Kept
from sojourn.scripting.runtime import RuntimeName, Worker
from sojourn.scripting.workers import Kind

_log = logging.getLogger(__name__)

#: Why an environment was lost by no act of ours: its session's next request is refused once, and told.
CRASHED = "crashed"


class Environment:
    """A global scope of JavaScript, for one session or for one execution after the other of one realm.

    Args:
        worker: Its process.
        realm: Whose it is; never that of another realm.
        kind: What it was made for.
        now: The present instant, in milliseconds since 1970.
    """

    __slots__ = (
        "anonymous",
        "block",
        "born",
        "busy",
        "cleaning",
        "doomed",
        "kept",
        "kind",
        "look_at",
        "plain",
        "principal",
        "realm",
        "session",
        "sid",
        "texts",
        "told",
        "used",
        "worker",
    )

    def __init__(self, worker: Worker, realm: Realm, kind: Kind, now: int) -> None:
        self.worker = worker
        self.realm = realm
        self.kind = kind
        #: What belongs to its global scope.
        self.kept = Kept()
        #: When it was made, and when its last execution ended.
        self.born = self.used = now
        #: Whether a task runs in it, or it is held or being made ready for one.
        self.busy = True
        #: The clean-up after its last execution, for one of a pool that nobody has taken since.
        self.cleaning: asyncio.Task[None] | None = None
        #: Why it is not used any more, empty while it may be.
        self.doomed = ""
        #: Whether the client of the session has been refused because it was lost.
        self.told = False
        #: Public id of the session that owns it, empty for one of a pool.
        self.sid = ""
        #: The owner as its last execution left it, None in a pool.
        self.session: Session | None = None
        #: The account, or external principal, that was the last to be logged in, empty for none so far.
        self.principal = ""
        #: Whether it works for nobody that is known, and from which address block.
        self.anonymous = False
        self.block = ""
        #: Whether a file was run in it as a plain global script, whose declarations are still there.
        self.plain = False
        #: See :attr:`~sojourn.scripting.run.Run.texts`.
        self.texts: dict[str, dict[ScriptText, None]] = {}
        #: When to ask whether the session of an idle one still lives.
        self.look_at = 0

    @property
    def runtime(self) -> RuntimeName:
        """``ije`` or ``v8``."""
        return self.kind.runtime

    @property
    def ready(self) -> bool:
        """Whether it can be taken without a wait."""
        return self.cleaning is None or self.cleaning.done()

    @property
    def forgets(self) -> bool:
        """Whether each execution in it finds a fresh global scope.

        Where the users of a realm trust each other it need not; in a stateful one those without an environment of their
        own do not.
        """
        return not self.sid and (self.realm.stateful or self.realm.config.cleanup_environment)

    def doom(self, reason: str) -> None:
        """It is not used any more after the present task; the first reason stays."""
        self.doomed = self.doomed or reason

    def notice(self, session: Session) -> None:
        """See who acts now: after a login as another account than the last one it is not used any more.

        One of a pool works for everybody of its realm; there the global scope is what is fresh, or shared by intent.
        """
        if not self.sid:
            return
        principal = session.access.session.principal
        if principal and principal != self.principal:
            if self.principal:
                self.doom("login")
            self.principal = principal

    def over(self, now: int) -> str:
        """Which limit of its realm it has passed: ``lifetime``, ``idle``, or empty."""
        config = self.realm.config
        if config.max_life_time and now - self.born >= config.max_life_time:
            return "lifetime"
        if config.max_inactive_time and now - self.used >= config.max_inactive_time:
            return "idle"
        return ""

    def due(self) -> int | None:
        """The instant at which it passes a limit of its realm when nobody uses it; None without one."""
        config = self.realm.config
        limits = (
            self.born + config.max_life_time if config.max_life_time else None,
            self.used + config.max_inactive_time if config.max_inactive_time else None,
        )
        return min((limit for limit in limits if limit is not None), default=None)

    def forget(self) -> bool:
        """Let go at once of what the last execution has left; false where that takes a while: see :meth:`reset`."""
        if self.kept.handles or (self.forgets and not self.worker.clean):
            return False
        self.kept = Kept(next_handle=self.kept.next_handle)
        if self.forgets:
            self._begin_anew()
        return True

    async def reset(self) -> bool:
        """A fresh global scope; whether that worked. An environment with an error in clean-up is not used again."""
        try:
            await self.renew_kept(None)
            if not self.worker.clean:
                await self.worker.reset()
            self._begin_anew()
        except SojournError as error:
            self.doom(error.reason if isinstance(error, EnvironmentLost) else "reset")
            return False
        return self.worker.alive

    def _begin_anew(self) -> None:
        """Its global scope is fresh."""
        self.plain = False
        self.texts.clear()

    async def renew_kept(self, epoch: int | None) -> None:
        """Let go of host objects that were made under another epoch than ``epoch``; None = of all, and of all the rest.

        Their numbers are never given out again, so that what a script still holds of them is refused.
        """
        going = [number for number, handle in self.kept.handles.items() if epoch is None or handle.epoch != epoch]
        handles = [self.kept.handles.pop(number) for number in going]
        if epoch is None:
            self.kept = Kept(next_handle=self.kept.next_handle)
        for handle in handles:
            await _release(handle)

    async def let_go(self) -> None:
        """Let go of all host objects; its process is ended by who opened it."""
        await self.renew_kept(None)


async def _release(handle: HostHandle) -> None:
    if handle.release is None:
        return
    try:
        await handle.release()
    except Exception:  # noqa: BLE001 - logged with all that is known
        # The others are given back all the same.
        _log.exception("an object of the host was not given back")
