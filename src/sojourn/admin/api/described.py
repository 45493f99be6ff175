"""Sessions, ends and requests as the admin API shows them."""

from __future__ import annotations

from collections.abc import Mapping

from sojourn.admin import answers
from sojourn.core.clock import iso
from sojourn.engine.ends.drops import DropRequest
from sojourn.engine.listing import Found
from sojourn.model.field import Field
from sojourn.model.realm import Realm
from sojourn.model.session import ANONYMOUS_KEY, End, Identity, Session


def session(realm: Realm, record: Session, end: End | None) -> answers.Session:
    """A session without its fields."""
    device = record.device
    return answers.Session(
        id=record.id,
        realm=realm.name,
        user=user(record.identity),
        device=answers.Device(address=device.address, agent=device.agent, client=device.client),
        standalone=record.standalone,
        created=iso(record.created),
        login_at=iso(record.identity.login_at) if record.identity.login_at else None,
        last_access=iso(record.last),
        idle=record.idle,
        ends_at=iso(record.absolute),
        ends_next=None if end else _next_end(record),
        epoch=record.epoch,
        version=record.version,
        tokens=len(record.tokens),
        end=ending(end) if end else None,
    )


def detail(
    found: Found, fields: Mapping[str, Field], worker: int, pending: DropRequest | None
) -> answers.SessionDetail:
    """A session with the sizes of its fields."""
    return answers.SessionDetail(
        session=session(found.realm, found.session, found.tombstone.end if found.tombstone else None),
        fields=[
            answers.FieldSize(name=name, version=field.version, bytes=len(field.text.encode()))
            for name, field in sorted(fields.items())
        ],
        worker=worker,
        drop=drop(found.realm, pending) if pending and found.loaded else None,
    )


def user(identity: Identity) -> answers.User:
    """Whom a session acts for."""
    return answers.User(
        kind=identity.kind,
        name=identity.subject or identity.user_name,
        key=identity.user_key if identity.user_key != ANONYMOUS_KEY else None,
        space=identity.space or None,
        actor=identity.actor or None,
    )


def ending(end: End) -> answers.End:
    """How a session ended."""
    return answers.End(reason=end.reason, at=iso(end.at), actor=end.actor, rule=end.rule)


def drop(realm: Realm, request: DropRequest) -> answers.Drop:
    """A session that will be ended."""
    return answers.Drop(
        session=request.session,
        realm=realm.name,
        requester=request.requester,
        reason=request.reason,
        requested_at=iso(request.requested_at),
        drops_at=iso(request.drops_at),
    )


def _next_end(record: Session) -> answers.NextEnd:
    at = record.dies_at
    return answers.NextEnd(reason="absolute" if at == record.absolute else "idle", at=iso(at))
