"""The change log: who changed what in the databases of the application, and whether the log of it is whole."""

from __future__ import annotations

import re
from typing import Any, cast, get_args

from sojourn.admin import change_shapes as shapes
from sojourn.admin.api.audit import instant
from sojourn.admin.api.sessions import BadCursor, named_realms
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Nothing
from sojourn.core.errors import BadRequest
from sojourn.data.chains import ChangeLogBroken
from sojourn.data.errors import DatabaseUnknown
from sojourn.data.port import Key
from sojourn.data.reading import ChangeUnknown, described
from sojourn.data.selecting import Selection
from sojourn.data.verify import Verified, verdict
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.security.operators import Right
from sojourn.model.change import Change, ChangeKind

RIGHT: Right = "changes"
VIEW = Needs(right=RIGHT)
VIEW_ALL = Needs(right=RIGHT, everywhere=True)
ACCEPT = Needs(right="acceptChanges", everywhere=True)

_CURSOR = re.compile(r"[1-9][0-9]{0,17}")


@operation(
    "GET",
    "/changes",
    needs=VIEW,
    query=shapes.ChangesQuery,
    answer=shapes.ChangesPage,
    raises=(BadCursor, RealmUnknown, DatabaseUnknown),
)
async def list_changes(asked: Asked[shapes.ChangesQuery, Nothing]) -> shapes.ChangesPage:
    """List changes, the newest first.

    Only those that were made in sessions of realms whose changes the operator may see; those of removed realms, and those
    without a session, with the right in every realm.
    """
    query = asked.query
    selection = Selection(
        tag=query.tag,
        users=await _users(asked),
        sessions=(query.session,) if query.session else (),
        table=query.table,
        keys=_keys(query.table, query.key),
        kinds=_kinds(query.kind),
        versions=() if query.version is None else (query.version,),
        since=instant(query.since),
        until=instant(query.until),
    )
    if query.cursor is not None and _CURSOR.fullmatch(query.cursor) is None:
        raise BadCursor
    log = await asked.plane.changes.log(query.database)
    after = int(query.cursor) if query.cursor else None
    page = await log.page(selection, realms=_realms(asked, query.realm), after=after, limit=query.limit)
    changes = [_told(asked, change) for change in page.changes]
    return shapes.ChangesPage(changes=changes, next=None if page.next is None else str(page.next))


@operation(
    "POST",
    "/changes/verify",
    needs=VIEW_ALL,
    query=shapes.DatabaseQuery,
    answer=shapes.Verification,
    raises=(DatabaseUnknown,),
)
async def verify_changes(asked: Asked[shapes.DatabaseQuery, Nothing]) -> shapes.Verification:
    """Compare the whole log with its seals, and these with what the engine and the audit log know of them.

    It names every change that was altered, removed or added, and what is not sealed yet. It takes its time.
    """
    return _verification(await asked.plane.changes.verify(asked.query.database))


@operation(
    "POST",
    "/changes/head",
    needs=VIEW_ALL,
    query=shapes.DatabaseQuery,
    answer=shapes.SealedHead,
    raises=(DatabaseUnknown, ChangeLogBroken),
)
async def sign_changes(asked: Asked[shapes.DatabaseQuery, Nothing]) -> shapes.SealedHead:
    """Seal what was changed so far and sign how far the log has come.

    Whoever keeps that elsewhere can show later that a log was cut or exchanged.
    """
    seal, head, key = await asked.plane.changes.signed_head(asked.query.database)
    return shapes.SealedHead(place=seal.place, last=seal.last, head=head, key=key)


@operation(
    "POST",
    "/changes/accept",
    needs=ACCEPT,
    query=shapes.DatabaseQuery,
    body=shapes.Acceptance,
    answer=shapes.Verification,
    raises=(DatabaseUnknown,),
)
async def accept_changes(asked: Asked[shapes.DatabaseQuery, shapes.Acceptance]) -> shapes.Verification:
    """Take the log as it is for the right one, after a restored backup: it is sealed again from now on."""
    name = asked.query.database
    await asked.plane.changes.accept(name, actor=asked.acting.name, reason=asked.body.reason)
    return _verification(await asked.plane.changes.verify(name))


@operation(
    "GET",
    "/changes/{number}",
    needs=VIEW,
    query=shapes.DatabaseQuery,
    answer=shapes.ChangeEntry,
    raises=(ChangeUnknown, DatabaseUnknown),
)
async def show_change(asked: Asked[shapes.DatabaseQuery, Nothing]) -> shapes.ChangeEntry:
    """Show one change with all that the log knows of it."""
    log = await asked.plane.changes.log(asked.query.database)
    return _told(asked, await log.get(int(asked.path["number"]), realms=_realms(asked, None)))


def _realms(asked: Asked[Any, Any], name: str | None) -> frozenset[str] | None:
    """Ids of the realms whose changes are shown; None = of all, removed ones and none at all too."""
    if name is None and asked.acting.has_everywhere(RIGHT):
        return None
    return frozenset(realm.id for realm in named_realms(asked, name))


async def _users(asked: Asked[shapes.ChangesQuery, Nothing]) -> tuple[int, ...]:
    query = asked.query
    if query.user is None:
        return () if query.user_key is None else (query.user_key,)
    account = await asked.plane.rules.users.find(query.directory, query.user)
    # Nobody of that name has changed anything.
    return (account.key if account else -2,)


def _keys(table: str, text: str | None) -> tuple[Key, ...]:
    """The key of a record; what looks like an integer is one, and a text too where the table has texts."""
    if text is None:
        return ()
    if not table:
        raise BadRequest("a record is named by its table and its key")
    return (text, int(text)) if re.fullmatch("-?[0-9]{1,18}", text) else (text,)


def _kinds(text: str) -> tuple[ChangeKind, ...]:
    kinds = text.split(",") if text else []
    unknown = [kind for kind in kinds if kind not in get_args(ChangeKind)]
    if unknown:
        raise BadRequest(f"a kind is one of {', '.join(get_args(ChangeKind))}")
    return tuple(cast("list[ChangeKind]", kinds))


def _told(asked: Asked[Any, Any], change: Change) -> shapes.ChangeEntry:
    realm = asked.plane.rules.realms.by_id(change.realm)
    told = described(change, realm.name if realm else change.realm)
    told["user_key"], told["class_key"] = told.pop("userKey"), told.pop("classKey")
    told["execution_key"] = told.pop("executionKey")
    return shapes.ChangeEntry(**told)  # type: ignore[arg-type]  # by name


def _verification(done: Verified) -> shapes.Verification:
    told = verdict(done)
    waiting = told["unsealed"]
    return shapes.Verification(
        sound=told["sound"],
        changes=told["changes"],
        seals=told["seals"],
        sealed_up_to=told["sealedUpTo"],
        head=told["head"],
        removed_up_to=told["removedUpTo"],
        erased=told["erased"],
        unsealed=None if waiting is None else shapes.Unsealed(**waiting),
        findings=[shapes.Finding(**found) for found in told["findings"]],
        faults=told["faults"],
    )
