"""Undo and redo: taking back what was changed, where nobody has changed it since."""

from __future__ import annotations

from typing import Any

from sojourn.admin import undo_shapes as shapes
from sojourn.admin.api.audit import instant
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Nothing
from sojourn.core.clock import iso
from sojourn.core.errors import BadRequest, InsufficientScope
from sojourn.data.errors import DatabaseUnknown
from sojourn.data.selecting import NothingSelected, Part, Selection
from sojourn.data.terms import UNDO_CHANGES, Author
from sojourn.data.undo import Asker, Undo, Undone
from sojourn.data.undo_report import Report, SeveralAuthors, TooManyConflicts, UndoConflicts, described
from sojourn.engine.security.operators import Operator, Right
from sojourn.model.scope import ScopeSet

RIGHT: Right = "undo"
UNDO = Needs(right=RIGHT, also="for changes of every realm that are selected; `database.forceUndo` for `force`")

_REFUSED = (DatabaseUnknown, NothingSelected, TooManyConflicts)
_CONFLICTS = (*_REFUSED, SeveralAuthors, UndoConflicts)


@operation(
    "POST",
    "/undo/plan",
    needs=UNDO,
    body=shapes.UndoPlanOrder,
    answer=shapes.UndoReport,
    raises=_REFUSED,
    reads=True,
)
async def plan_undo(asked: Asked[Nothing, shapes.UndoPlanOrder]) -> shapes.UndoReport:
    """Say what an undo, or a redo, would do, and what conflicts with it; nothing is changed.

    Those who change records of the database wait meanwhile.
    """
    body, undo = asked.body, await _undo(asked)
    if body.force:
        undo.who.check_force()
    plan = await undo.plan(await _selection(asked, body), redo=body.redo, force=body.force)
    return _told(asked, plan.report)


@operation("POST", "/undo", needs=UNDO, body=shapes.UndoOrder, answer=shapes.UndoReport, raises=_CONFLICTS)
async def undo_changes(asked: Asked[Nothing, shapes.UndoOrder]) -> shapes.UndoReport:
    """Take changes back, as one transaction with a tag of its own.

    With `abort` a conflict answers 409 and changes nothing; the plan lists them all.
    """
    done = await (await _undo(asked)).undo(await _selection(asked, asked.body), asked.body.on_conflict)
    return _told(asked, done.report, done)


@operation("POST", "/redo", needs=UNDO, body=shapes.UndoOrder, answer=shapes.UndoReport, raises=_CONFLICTS)
async def redo_changes(asked: Asked[Nothing, shapes.UndoOrder]) -> shapes.UndoReport:
    """Make changes anew that were taken back; they are named by what they were, not by what took them back."""
    done = await (await _undo(asked)).redo(await _selection(asked, asked.body), asked.body.on_conflict)
    return _told(asked, done.report, done)


async def _undo(asked: Asked[Nothing, Any]) -> Undo:
    """Undo with the rights of the operator: in the realms where he has it, and of those without a realm where in all."""
    operator, access = asked.acting, asked.acting.access
    author = Author(
        user_key=operator.account.key,
        user_name=operator.name,
        session=access.session.id,
        realm=access.realm.id,
        address=asked.call.arrival.address,
    )
    everywhere = operator.has_everywhere(RIGHT)

    async def still() -> None:
        await asked.plane.rules.sessions.check(access)
        again = await asked.plane.operators.acting(access)
        if not scope <= _scope(again, everywhere=everywhere):
            raise InsufficientScope

    scope = _scope(operator, everywhere=everywhere)
    realms = None if everywhere else frozenset(realm.id for realm in asked.realms)
    who = Asker(author=author, scope=scope, realms=realms, guard=still)
    return await asked.plane.changes.undo(asked.body.database, who)


def _scope(operator: Operator, *, everywhere: bool) -> ScopeSet:
    """What the operator has in every realm whose changes he may take back."""
    if everywhere:
        return operator.everywhere
    held = [scopes for _, scopes in operator.in_realm.values() if UNDO_CHANGES in scopes]
    return frozenset.intersection(*held) if held else frozenset()


async def _selection(asked: Asked[Nothing, Any], which: shapes.Which) -> Selection:
    if which.key is not None and not which.table:
        raise BadRequest("a record is named by its table and its key")
    users = () if which.user_key is None else (which.user_key,)
    if which.user is not None:
        account = await asked.plane.rules.users.find(which.directory, which.user)
        # Nobody of that name has changed anything.
        users = (account.key if account else -2,)
    return Selection(
        tag=which.tag,
        sessions=(which.session,) if which.session else (),
        users=users,
        since=instant(which.since),
        until=instant(which.until),
        versions=() if which.version is None else (which.version,),
        table=which.table,
        keys=() if which.key is None else (which.key,),
        numbers=None if which.numbers is None else tuple(which.numbers),
        everyone=which.all,
    )


def _told(asked: Asked[Any, Any], report: Report, done: Undone | None = None) -> shapes.UndoReport:
    found = described(report)
    return shapes.UndoReport(
        version=done.version if done else 0,
        tag=done.tag if done else None,
        parts=[_part(asked, part) for part in report.parts],
        changes=report.changes,
        already=report.already,
        left=[shapes.UndoLeft(**one) for one in found["left"]],
        tallies=[shapes.UndoTally(**one) for one in found["tallies"]],
        acts=[shapes.UndoAct(**one) for one in found["acts"]],
        conflicts=[shapes.UndoConflict(**one) for one in found["conflicts"]],
    )


def _part(asked: Asked[Any, Any], part: Part) -> shapes.UndoPart:
    realm = asked.plane.rules.realms.by_id(part.realm)
    return shapes.UndoPart(
        session=part.session or None,
        user_key=part.user_key,
        user=part.user_name or None,
        realm=(realm.name if realm else part.realm) or None,
        changes=part.changes,
        first=iso(part.first),
        last=iso(part.last),
    )
