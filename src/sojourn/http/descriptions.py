"""What a client is told of sessions: its own one, and those of the same user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sojourn.core.clock import iso
from sojourn.engine.access import Access
from sojourn.engine.ends.drops import DropRequest
from sojourn.http.replies import OPERATOR
from sojourn.model.session import Session


def own_session(
    access: Access, session: Session, drop: DropRequest | None, token_ends: int | None = None
) -> dict[str, Any]:
    """Who am I: ``session`` is the record of ``access`` as it is now, ``drop`` what an operator has announced.

    ``token_ends`` is when the AuthToken expires that logged it in, None where it never does or there is none.
    """
    return {
        "id": session.id,
        **_who(access),
        "clientId": session.device.client or None,
        "created": iso(session.created),
        "identityProviderKey": session.identity.provider or None,
        "acr": session.identity.acr or None,
        "amr": list(session.identity.amr),
        "loginAt": iso(session.identity.login_at) if session.identity.login_at else None,
        "lastAccess": iso(session.last),
        "idleLimit": session.idle or None,
        "absoluteLimit": iso(session.absolute),
        "endsNext": _next_end(session, drop, token_ends),
        "dropRequest": _announced(drop) if drop else None,
    }


def transient_session(access: Access) -> dict[str, Any]:
    """Who am I, where a token or a password on the request gives identity and there is no record."""
    behind = access.transient
    expires = behind.expires if behind else None
    reason = "absolute" if behind is not None and behind.digest else "token-revoked"
    return {
        "id": None,
        **_who(access),
        "transient": access.via,
        "endsNext": {"reason": reason, "at": iso(expires)} if expires is not None else None,
    }


def _who(access: Access) -> dict[str, Any]:
    identity = access.session.identity
    user: dict[str, Any] = {"key": identity.user_key, "name": identity.user_name, "kind": access.kind}
    if identity.subject:
        user |= {"subject": identity.subject, "space": identity.space}
    who = {"realm": access.realm.name, "user": user, "scope": sorted(access.scope), "delegated": access.delegated}
    return who | ({"actor": identity.actor} if identity.actor_key else {})


def listed_session(session: Session) -> dict[str, Any]:
    """One of the sessions of a user, as their owner may recognise it."""
    return {
        "id": session.id,
        "createdAt": iso(session.created),
        "lastAccess": iso(session.last),
        "address": session.device.address,
        "agent": session.device.agent,
        "clientId": session.device.client or None,
        **({"actor": session.identity.actor} if session.identity.actor_key else {}),
    }


def _next_end(session: Session, drop: DropRequest | None, token_ends: int | None) -> Mapping[str, str]:
    by_idle = session.last + session.idle if session.idle else session.absolute
    reason, at = ("absolute", session.absolute) if session.absolute <= by_idle else ("idle", by_idle)
    if token_ends is not None and token_ends < at:
        reason, at = "token-revoked", token_ends
    if drop is not None and drop.drops_at < at:
        reason, at = "dropped", drop.drops_at
    return {"reason": reason, "at": iso(at)}


def _announced(drop: DropRequest) -> Mapping[str, str]:
    return {
        "requester": OPERATOR,
        "reason": drop.reason,
        "requestedAt": iso(drop.requested_at),
        "dropsAt": iso(drop.drops_at),
    }
