"""The signing keys of the realms."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sojourn.admin.api.sessions import named_realms
from sojourn.admin.inputs import RealmQuery
from sojourn.admin.operation import Asked, Needs, operation
from sojourn.admin.shapes import Instant, Nothing, RealmName, Shape
from sojourn.core.clock import iso
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.keys.life import Listed
from sojourn.engine.keys.rings import UnknownKey

KEYS = Needs(right="keys")

KeyId = Annotated[str, Meta(description="`kid` of the key.")]


class SigningKey(Shape, frozen=True, kw_only=True):
    """A signing key; its private part is never shown."""

    kid: KeyId
    realm: RealmName
    algorithm: str
    state: Annotated[
        Literal["next", "active", "retired", "removed", "revoked"],
        Meta(description="Published; signs; verifies what it signed; gone after that; refused."),
    ]
    created: Instant
    activated: Instant | None
    retired: Annotated[Instant | None, Meta(description="When it was retired or revoked.")]
    due: Annotated[Instant | None, Meta(description="When it becomes active.")]
    until: Annotated[Instant | None, Meta(description="What it has signed ends then at the latest.")]


class SigningKeys(Shape, frozen=True, kw_only=True):
    """All keys that the realms ever had, oldest first."""

    keys: list[SigningKey]


class Rotated(Shape, frozen=True, kw_only=True):
    """What a rotation did."""

    active: Annotated[str, Meta(description="The key that signs.")]
    next: Annotated[str, Meta(description="The key that is published and not used yet.")]
    changed: Annotated[bool, Meta(description="Whether the key that signs has changed.")]
    due: Annotated[Instant | None, Meta(description="When the next one becomes active because this was asked for.")]


class KeyRevoked(Shape, frozen=True, kw_only=True):
    """What a revocation did."""

    kid: KeyId
    active: Annotated[str, Meta(description="The key that signs now.")]
    sessions_ended: int


@operation("GET", "/keys", needs=KEYS, query=RealmQuery, answer=SigningKeys, raises=(RealmUnknown,))
async def list_keys(asked: Asked[RealmQuery, Nothing]) -> SigningKeys:
    """List the signing keys of the realms in which the operator may look after them."""
    life = asked.plane.rules.key_life
    realms = named_realms(asked, asked.query.realm)
    return SigningKeys(keys=[_described(key) for realm in realms for key in await life.list(realm)])


@operation("POST", "/realms/{realm}/keys/rotate", needs=KEYS, answer=Rotated, raises=(RealmUnknown,))
async def rotate_key(asked: Asked[Nothing, Nothing]) -> Rotated:
    """Use the next key once it has been published for an hour: at once, or the engine does it then."""
    (realm,) = named_realms(asked, asked.path["realm"])
    done = await asked.plane.rules.key_life.rotate(realm, actor=asked.acting.name)
    return Rotated(active=done.active, next=done.next, changed=done.changed, due=_instant(done.due))


@operation(
    "POST", "/realms/{realm}/keys/{kid}/revoke", needs=KEYS, answer=KeyRevoked, raises=(RealmUnknown, UnknownKey)
)
async def revoke_key(asked: Asked[Nothing, Nothing]) -> KeyRevoked:
    """Refuse a key from the next request on and end the sessions whose tokens it signed, reason `revoked`."""
    (realm,) = named_realms(asked, asked.path["realm"])
    done = await asked.plane.rules.key_life.revoke(realm, asked.path["kid"], actor=asked.acting.name)
    return KeyRevoked(kid=done.kid, active=done.active, sessions_ended=done.sessions)


def _described(key: Listed) -> SigningKey:
    return SigningKey(
        kid=key.kid,
        realm=key.realm.name,
        algorithm=key.algorithm,
        state=key.state,
        created=iso(key.created),
        activated=_instant(key.activated),
        retired=_instant(key.retired),
        due=_instant(key.due),
        until=_instant(key.until or None),
    )


def _instant(at: int | None) -> str | None:
    return None if at is None else iso(at)
