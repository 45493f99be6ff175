"""``engine.sessionManager``: the sessions of the realm, for scripts of operators."""

from __future__ import annotations

from sojourn.core.errors import InsufficientScope
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.manager import CLEAN_UP_WITHIN, SessionManager
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.api.auth_token import date
from sojourn.scripting.declare import HostClass, exposed, get, method
from sojourn.scripting.run import Run
from sojourn.scripting.values import Value

#: Who has it may look at the sessions of others and end them.
MANAGE = "engine.manageSessions"

#: Rows of ``getStatistics`` at most.
MOST_ROWS = 10_000

_OWN = f"another session than its own: `{MANAGE}`"


@exposed("SessionManager", "lib/session/SessionManager", instance="engine.sessionManager")
class ScriptSessionManager(HostClass):
    """Counts, shows and ends sessions: those of the script's own realm, because what runs in a realm acts in that realm only.

    What executes is known of this process alone.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._manager = SessionManager(run.rules)

    # --- how many ---

    @get("sessionsCount: number", MANAGE)
    async def sessions_count(self) -> int:
        """All sessions of the realm, of any kind and state."""
        return await self._count() + await self.standalone_sessions_count()

    @get("statefulSessionsCount: number", MANAGE)
    async def stateful_sessions_count(self) -> int:
        """Stateful sessions: all of a stateful realm, none of another."""
        return await self._count() if self.run.realm.stateful else 0

    @get("statelessSessionsCount: number", MANAGE)
    async def stateless_sessions_count(self) -> int:
        """Stateless sessions: all of a stateless realm, none of another."""
        return 0 if self.run.realm.stateful else await self._count()

    @get("standaloneSessionsCount: number", MANAGE)
    async def standalone_sessions_count(self) -> int:
        """Sessions that the engine made for its own short work in this process: a script that another script runs."""
        standing = self.run.rules.sessions.standalone.all()
        return sum(one.realm_id == self.run.realm.id for one in standing)

    @get("inUseSessionsCount: number", MANAGE)
    def in_use_sessions_count(self) -> int:
        """Sessions that execute in this process now."""
        return len({one.sid for one in self._manager.in_use() if one.realm == self.run.realm.id})

    @get("maxStatefulSessionsCount: number", MANAGE)
    def max_stateful_sessions_count(self) -> int:
        """Most stateful sessions of all realms together, 0 for no ceiling."""
        return self._manager.max_stateful_sessions_count

    @get("maxStatelessSessionsCount: number", MANAGE)
    def max_stateless_sessions_count(self) -> int:
        """Most stateless sessions of all realms together, 0 for no ceiling."""
        return self._manager.max_stateless_sessions_count

    # --- which ---

    @method("getSessionThreadId(sid: string): number", ANYONE, also=_OWN)
    def get_session_thread_id(self, sid: str) -> int:
        """Id of what executes for the session in this process; 0 when it is idle or unknown."""
        self._may(sid)
        running = (one for one in self._manager.in_use() if one.realm == self.run.realm.id)
        return next((one.worker for one in running if one.sid == sid), 0)

    @method("getStatistics(): SessionStatistics[]", MANAGE)
    async def get_statistics(self) -> Value:
        """One row for each session of the realm, 10,000 at most; times in milliseconds."""
        realm, rows = self.run.realm, list[Value]()
        in_use = {one.sid for one in self._manager.in_use() if one.realm == realm.id}
        now = self.run.rules.clock.now()
        async for _, session, _ in self._manager.every([realm]):
            rows.append(
                {
                    "id": session.id,
                    "realm": realm.name,
                    "environmentType": "standalone" if session.standalone else realm.config.environment_type,
                    "user": session.identity.subject or session.identity.user_name,
                    "creation": date(session.created),
                    "lastAccess": date(session.last),
                    "maxInactiveTime": session.idle,
                    "maxLifeTime": session.absolute - session.created,
                    "expired": now >= session.dies_at,
                    "inUse": session.id in in_use,
                }
            )
            if len(rows) >= MOST_ROWS:
                break
        return rows

    # --- acts ---

    @method("dropSession(sid: string): void", ANYONE, also=_OWN, writes=True)
    async def drop_session(self, sid: str) -> None:
        """End a session of the realm: all that opens it is dead when this returns. Nothing happens for an unknown id."""
        self._may(sid)
        if await self._manager.find(sid, [self.run.realm]) is not None:
            await self._manager.drop_session(sid, actor=self._actor)

    @method("dropStatefulSession(sid: string): void", ANYONE, also=_OWN, deprecated="Use dropSession.", writes=True)
    async def drop_stateful_session(self, sid: str) -> None:
        """As :meth:`dropSession`, in a stateful realm; elsewhere nothing happens."""
        self._may(sid)
        if self.run.realm.stateful:
            await self.drop_session(sid)

    @method(
        "dropStatelessSession(sid: string): void",
        ANYONE,
        also=_OWN,
        deprecated="Use dropStatelessSessions.",
        writes=True,
    )
    async def drop_stateless_session(self, sid: str) -> None:
        """As :meth:`dropSession`, in a stateless realm; elsewhere nothing happens."""
        self._may(sid)
        if not self.run.realm.stateful:
            await self.drop_session(sid)

    @method("dropStatelessSessions(realm: string): void", MANAGE, writes=True)
    async def drop_stateless_sessions(self, realm: str) -> None:
        """End every session of this stateless realm that is not in use; throws ``RealmUnknown`` for another realm."""
        if realm != self.run.realm.name:
            raise RealmUnknown(f"there is no realm {realm!r} here")
        await self._manager.drop_stateless_sessions(realm, actor=self._actor)

    @method("abortSession(sid: string): void", ANYONE, also=_OWN, writes=True)
    async def abort_session(self, sid: str) -> None:
        """Ask what executes for the session in this process to break off; the session lives on. The caller itself goes on.

        Nothing happens for an idle or unknown one. A call of the operating system is not broken off.
        """
        self._may(sid)
        if any(one.sid == sid and one.realm == self.run.realm.id for one in self._manager.in_use()):
            await self._manager.abort_session(sid, actor=self._actor)

    @method("cleanUp(wait?: boolean, timeout?: number): boolean", MANAGE, writes=True)
    async def clean_up(self, wait: bool = True, timeout: int = CLEAN_UP_WITHIN) -> bool:  # noqa: ASYNC109, FBT001, FBT002 - the form of the reference
        """Remove what is past its limits, which the engine does by itself every few seconds.

        ``timeout`` in milliseconds is how long to wait, if at all; whether it had finished then.
        """
        return await self._manager.clean_up(wait=wait, timeout=max(0, timeout), actor=self._actor)

    async def _count(self) -> int:
        counted = {realm.id: kinds for realm, kinds in (await self._manager.counts()).by_realm}
        return sum(counted.get(self.run.realm.id, {}).values())

    def _may(self, sid: str) -> None:
        if sid != self.run.session.id and MANAGE not in self.run.session.scope:
            raise InsufficientScope

    @property
    def _actor(self) -> str:
        return self.run.session.user_name
