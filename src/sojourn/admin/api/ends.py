"""Ending sessions: one, all of a user, all of a realm, with notice or without."""

from __future__ import annotations

from sojourn.admin.answers import Aborted, Done, Drop, Drops, Ended, EndedMany
from sojourn.admin.api import described
from sojourn.admin.api.sessions import NoSuchSession, found_session, named_realms
from sojourn.admin.inputs import DropOrder, EndOfUser, RealmQuery, Reason
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Nothing
from sojourn.core.errors import InsufficientScope, NotFound
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.ends.drops import DropRequest
from sojourn.engine.manager import StatefulRealm
from sojourn.model.realm import Realm

MANAGE = Needs(right="manage")


class NoDrop(NotFound):
    """Nobody asked for the end of this session."""

    code = "session.no_drop"


@operation("POST", "/sessions/{sid}/end", needs=MANAGE, body=Reason, answer=Ended, raises=(NoSuchSession,))
async def end_session(asked: Asked[Nothing, Reason]) -> Ended:
    """End a session, reason `dropped`: every handle of it is dead when this answers.

    Ending it twice gives the first end again. Its user reads "an operator", never a name.
    """
    found = await found_session(asked)
    sid, rules = found.session.id, asked.plane.rules
    end = await rules.sessions.end_by_id(found.realm, sid, "dropped", actor=asked.acting.name, rule=asked.body.reason)
    if end is None:
        raise NoSuchSession
    return Ended(id=sid, realm=found.realm.name, end=described.ending(end))


@operation("POST", "/sessions/{sid}/drop", needs=MANAGE, body=DropOrder, answer=Drop, raises=(NoSuchSession,))
async def drop_session(asked: Asked[Nothing, DropOrder]) -> Drop:
    """End a live session with notice: the user is shown the reason until then.

    A later request replaces the text of an earlier one; the session ends at the earlier of the two instants.
    """
    found, operator = await found_session(asked), asked.acting
    request = await asked.plane.rules.drops.request(
        found.realm,
        found.session.id,
        asked.body.reason,
        actor_key=operator.account.key,
        actor=operator.name,
        after=asked.body.after,
    )
    if request is None:
        raise NoSuchSession
    return described.drop(found.realm, request)


@operation("DELETE", "/sessions/{sid}/drop", needs=MANAGE, answer=Done, raises=(NoSuchSession, NoDrop))
async def cancel_drop(asked: Asked[Nothing, Nothing]) -> Done:
    """Let a session live whose end was asked for."""
    found = await found_session(asked)
    if not await asked.plane.rules.drops.cancel(found.session.id, actor=asked.acting.name):
        raise NoDrop
    return Done()


@operation("POST", "/sessions/{sid}/abort", needs=MANAGE, answer=Aborted, raises=(NoSuchSession,))
async def abort_session(asked: Asked[Nothing, Nothing]) -> Aborted:
    """Ask what executes for a session in this process to break off where it waits; the session lives on.

    Neither immediate nor guaranteed, and other worker processes are not asked.
    """
    found = await found_session(asked)
    executions = await asked.plane.manager.abort_session(found.session.id, actor=asked.acting.name)
    return Aborted(executions=executions)


@operation("GET", "/drops", needs=Needs(right="view"), query=RealmQuery, answer=Drops, raises=(RealmUnknown,))
async def list_drops(asked: Asked[RealmQuery, Nothing]) -> Drops:
    """List the sessions that will be ended, at most 200 of each realm, the next one first."""
    found: list[tuple[Realm, DropRequest]] = []
    for realm in named_realms(asked, asked.query.realm):
        found += [(realm, request) for request in await asked.plane.rules.drops.list(realm)]
    found.sort(key=lambda one: one[1].drops_at)
    return Drops(drops=[described.drop(realm, request) for realm, request in found])


@operation(
    "POST",
    "/users/end-sessions",
    needs=MANAGE,
    body=EndOfUser,
    answer=EndedMany,
    raises=(RealmUnknown, UserUnknown, InsufficientScope),
)
async def end_sessions_of_user(asked: Asked[Nothing, EndOfUser]) -> EndedMany:
    """End all sessions of an account.

    Without a realm that is everywhere, and also the end of a login that is under way; it needs the scope in every realm.
    """
    body, rules = asked.body, asked.plane.rules
    if body.realm is None:
        asked.acting.check("manage", everywhere=True)
    realm = named_realms(asked, body.realm)[0] if body.realm else None
    account = await rules.users.find(body.directory, body.user)
    if account is None:
        # Whether an account exists is not for who looks after one realm only.
        if asked.acting.has_everywhere("manage"):
            raise UserUnknown
        return EndedMany(sessions_ended=0)
    ended = await rules.sessions.end_all(realm, account.key, "dropped", actor=asked.acting.name, rule=body.reason)
    return EndedMany(sessions_ended=ended)


@operation("POST", "/realms/{realm}/end-sessions", needs=MANAGE, body=Reason, answer=EndedMany, raises=(RealmUnknown,))
async def end_sessions_of_realm(asked: Asked[Nothing, Reason]) -> EndedMany:
    """End all sessions of a realm, those of logins under way too."""
    (realm,) = named_realms(asked, asked.path["realm"])
    ended = await asked.plane.rules.sessions.end_realm(
        realm, "ended-everywhere", actor=asked.acting.name, rule=asked.body.reason
    )
    return EndedMany(sessions_ended=ended)


@operation("POST", "/end-everything", needs=Needs(right="manage", everywhere=True), body=Reason, answer=EndedMany)
async def end_everything(asked: Asked[Nothing, Reason]) -> EndedMany:
    """End all sessions of all realms, those of logins under way and of operators too: this one is its last answer."""
    ended = await asked.plane.rules.sessions.end_everything(
        "ended-everywhere", actor=asked.acting.name, rule=asked.body.reason
    )
    return EndedMany(sessions_ended=ended)


@operation(
    "POST",
    "/realms/{realm}/drop-stateless",
    needs=MANAGE,
    body=Reason,
    answer=EndedMany,
    raises=(RealmUnknown, StatefulRealm),
)
async def drop_stateless_sessions(asked: Asked[Nothing, Reason]) -> EndedMany:
    """End every session of a stateless realm that does not execute in this process now."""
    (realm,) = named_realms(asked, asked.path["realm"])
    ended = await asked.plane.manager.drop_stateless_sessions(
        realm.name, actor=asked.acting.name, text=asked.body.reason
    )
    return EndedMany(sessions_ended=ended)
