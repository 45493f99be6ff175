"""Sessions as the command line shows them."""

from __future__ import annotations

from typing import Any

from sojourn.core.clock import iso
from sojourn.model.realm import Realm
from sojourn.model.session import End, Session


def described(realm: Realm, session: Session) -> dict[str, Any]:
    """A session without its fields."""
    return {
        "id": session.id,
        "realm": realm.name,
        "user": who(session),
        "kind": "standalone" if session.standalone else session.identity.kind,
        "created": iso(session.created),
        "last": iso(session.last),
        "endsAt": iso(session.dies_at),
        "address": session.device.address,
        "tokens": len(session.tokens),
    }


def who(session: Session) -> str:
    """Whom it acts for."""
    identity = session.identity
    return f"{identity.subject} (external: {identity.space})" if identity.space else identity.user_name


def told_end(end: End | None) -> dict[str, Any]:
    """How it ended; nothing while it lives."""
    if end is None:
        return {}
    return {"reason": end.reason, "at": iso(end.at), "actor": end.actor, "rule": end.rule}
