"""Undo and redo: taking changes back by tag, session, user, time, version or record, and taking that back again.

A change is taken back value by value, newest first, where nobody has changed the value since
(:mod:`sojourn.data.unwinding`); everything else is listed. It is a transaction like any other, with a tag of its own and
with rows in the change log that say which change each of them takes back: so it can itself be taken back, which is what
redo does. Keys that were made stay used; changes of the schema are told, not undone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection

from sojourn.core.clock import Clock
from sojourn.core.errors import InsufficientScope, SojournError, Unavailable
from sojourn.core.json import Json
from sojourn.data.documents.records import TABLE as DOCUMENTS
from sojourn.data.errors import DatabaseDeadlock, DatabaseLoginRequired
from sojourn.data.port import Backend, Guard, Key, T
from sojourn.data.products import check_may_change
from sojourn.data.selecting import Part, Selection, conditions, undone_by
from sojourn.data.terms import FORCE_UNDO, UNDO_CHANGES, Author
from sojourn.data.undo_report import ForeignChanges, Report, SeveralAuthors, UndoConflicts
from sojourn.data.undo_walk import Order, Walk
from sojourn.engine.audit.log import Audit, Outcome
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import ANONYMOUS_KEY

#: What happens to a value that somebody has changed since. ``abort``: nothing is written; ``skip``: it stays, the rest is
#: taken back; ``force``: it is taken back all the same, which takes the scope ``database.forceUndo``.
Policy = Literal["abort", "skip", "force"]

#: How often it is begun anew when it and another change have waited for each other.
_TRIES: Final = 3


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks for an undo, and what he may."""

    #: The tag is not used: an undo has its own.
    author: Author
    scope: ScopeSet = NO_SCOPE
    #: Ids of the realms whose changes he may take back with ``database.undoChanges``; None: of all, and of none.
    realms: frozenset[str] | None = None
    #: Who has the files of the project: nothing is refused.
    host: bool = False
    #: Asked before the commit.
    guard: Guard | None = None

    def check(self, parts: Sequence[Part]) -> None:
        """Raise :class:`ForeignChanges` where one of these is not his, and he may not take back those of others."""
        if self.host:
            return
        if self.author.user_key == ANONYMOUS_KEY:
            raise DatabaseLoginRequired
        for part in parts:
            own = part.session and part.session == self.author.session and part.user_key == self.author.user_key
            there = self.realms is None or part.realm in self.realms
            if not own and not (there and UNDO_CHANGES in self.scope):
                raise ForeignChanges

    def check_force(self) -> None:
        """Raise ``InsufficientScope`` unless he may take back what somebody has changed since."""
        if not (self.host or FORCE_UNDO in self.scope):
            raise InsufficientScope

    def forbidden(self, connection: Connection, keys: Sequence[Key]) -> set[Key]:
        """Those of the keys whose records he may not change: of products, when he has no right to them."""
        negative = [] if self.host else [key for key in keys if isinstance(key, int) and key < 0]
        return {key for key in negative if not self._may_change(connection, key)}

    def _may_change(self, connection: Connection, key: int) -> bool:
        try:
            check_may_change(connection, [key], self.scope)
        except InsufficientScope:
            return False
        return True


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done, as it stood when it was asked for."""

    selection: Selection
    #: Whether what took these changes back shall be taken back.
    redo: bool
    #: Of the policy ``skip``, or ``force`` where that was asked for.
    report: Report

    @property
    def several(self) -> bool:
        """Whether the changes are of several sessions or users, and nobody has said which of them are meant."""
        return len(self.report.parts) > 1 and not self.selection.names_authors


class Undone(msgspec.Struct, frozen=True, kw_only=True):
    """What was done."""

    #: Version of the changes that it made; 0 when there was nothing to do.
    version: int
    #: The tag of these changes.
    tag: str
    report: Report


class _OnlyLooked(Exception):
    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


class Undo:
    """Undo and redo in one database, with the rights of who asks.

    Every method raises ``NothingSelected``, ``TooManyNumbers``, ``DatabaseLoginRequired``, :class:`ForeignChanges` for
    changes of others without ``database.undoChanges``, ``TooManyConflicts``, and as ``Backend.write``.
    """

    def __init__(self, backend: Backend, audit: Audit, clock: Clock, who: Asker) -> None:
        #: Where, and for whom.
        self.backend = backend
        self.who = who
        self._audit = audit
        self._clock = clock

    async def plan(self, selection: Selection, *, redo: bool = False, force: bool = False) -> Plan:
        """What would be taken back, and what would not. It is done, looked at and rolled back: it holds up writers."""
        run = await self._prepared(selection, redo=redo, force=force, tag="")

        def work(connection: Connection) -> Report:
            raise _OnlyLooked(run(connection)[1])

        try:
            report = await self._patiently(work)
        except _OnlyLooked as looked:
            report = looked.report
        return Plan(selection=selection, redo=redo, report=report)

    async def carry_out(self, plan: Plan, on_conflict: Policy = "abort") -> Undone:
        """Do it, worked out anew in its transaction: what is reported is what is done.

        Raises :class:`SeveralAuthors` where it is not said whose changes are meant, :class:`UndoConflicts` with the
        policy ``abort``, ``InsufficientScope`` for ``force`` without its scope. It is in the audit log before this
        returns, and not done when it cannot be.
        """
        return await self._act(plan.selection, on_conflict, redo=plan.redo)

    async def undo(self, selection: Selection, on_conflict: Policy = "abort") -> Undone:
        """Take changes back; see :meth:`carry_out`."""
        return await self._act(selection, on_conflict, redo=False)

    async def redo(self, selection: Selection, on_conflict: Policy = "abort") -> Undone:
        """Make changes anew that were taken back: what took them back is taken back. See :meth:`carry_out`."""
        return await self._act(selection, on_conflict, redo=True)

    async def _act(self, selection: Selection, policy: Policy, *, redo: bool) -> Undone:
        who = self.who
        act = _Act(self._audit, self.backend.name, selection, who, policy, redo=redo)
        try:
            if policy == "force":
                who.check_force()
            run = await self._prepared(selection, redo=redo, force=policy == "force", tag=act.tag)

            def work(connection: Connection) -> None:
                version, report = run(connection)
                if policy == "abort" and report.stays:
                    raise UndoConflicts(report)
                act.done = Undone(version=version if report.count else 0, tag=act.tag, report=report)

            await self._patiently(work, act.guard)
        except SojournError as error:
            await act.failed(error)
            raise
        assert act.done is not None
        return act.done

    async def _prepared(
        self, selection: Selection, *, redo: bool, force: bool, tag: str
    ) -> Callable[[Connection], tuple[int, Report]]:
        """What runs in the transaction; it gives the version and the report."""
        selection.check()
        who = self.who
        meant = conditions(selection)
        order = Order(
            meant=undone_by(meant) if redo else meant,
            tables={**await self.backend.tables(), DOCUMENTS.name: DOCUMENTS},
            author=msgspec.structs.replace(who.author, tag=tag),
            now=self._clock.now(),
            force=force,
            forbidden=who.forbidden,
        )

        def run(connection: Connection) -> tuple[int, Report]:
            walk = Walk(connection, self.backend.rows, order)
            who.check(walk.parts)
            # A plan, which has no tag, shows them.
            if tag and len(walk.parts) > 1 and not selection.names_authors:
                raise SeveralAuthors(walk.parts)
            report = walk.run()
            return walk.version, report

        return run

    async def _patiently(self, work: Callable[[Connection], T], guard: Guard | None = None) -> T:
        for _ in range(_TRIES - 1):
            try:
                return await self.backend.write(work, guard)
            except DatabaseDeadlock:
                continue
        return await self.backend.write(work, guard)


class _Act:
    """One undo as the audit log has it."""

    def __init__(
        self, audit: Audit, database: str, selection: Selection, who: Asker, policy: Policy, *, redo: bool
    ) -> None:
        self._audit = audit
        self.who = who
        name = "redo" if redo else "undo"
        self.tag = f"{name}-{secrets.token_hex(16)}"
        self._detail: dict[str, Json] = {
            "act": name,
            "database": database,
            "onConflict": policy,
            "selection": selection.described(),
        }
        self.done: Undone | None = None
        self._written = False

    async def guard(self) -> None:
        """Ask whether it still may be, and write it down, before the commit."""
        if self.who.guard is not None:
            await self.who.guard()
        assert self.done is not None
        report = self.done.report
        await self._record(
            "ok",
            {
                "tag": self.tag,
                "version": self.done.version,
                "changes": report.changes,
                "acts": report.count,
                "conflicts": len(report.conflicts),
            },
        )
        self._written = True

    async def failed(self, error: SojournError) -> None:
        """Write down that it came to nothing. Never hides why."""
        author = self.who.author
        if isinstance(error, InsufficientScope | DatabaseLoginRequired):
            await self._audit.refused(
                "database.undo",
                author.address,
                realm=author.realm,
                actor=author.user_name,
                session=author.session,
                detail=self._detail,
            )
        elif self._written or isinstance(error, UndoConflicts):
            with suppress(Unavailable):
                await self._record("failed", {"tag": self.tag, "cause": error.code})

    async def _record(self, outcome: Outcome, facts: dict[str, Json]) -> None:
        author = self.who.author
        await self._audit.record(
            "UNDO",
            realm=author.realm,
            outcome=outcome,
            actor=author.user_name,
            session=author.session,
            address=author.address,
            detail={**self._detail, **facts},
        )
