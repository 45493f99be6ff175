"""How signing keys come and go: published ahead, used, retired, removed; and what follows when one is revoked.

The schedule is kept by the upkeep of one process (:meth:`KeyLife.tend`); an operator may be ahead of it. Every change is
audited in the transaction that does it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

from sqlalchemy import Connection, select, update

from sojourn.core.clock import DAY, HOUR, MINUTE, Clock
from sojourn.core.json import Json
from sojourn.engine import lookups
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.database.schema import signing_key, signing_key_use
from sojourn.engine.ends.ends import Ends
from sojourn.engine.keys.rings import KeyRings, UnknownKey
from sojourn.engine.lookups import SigningKeyRow
from sojourn.engine.realms import Realms
from sojourn.identity.claims import LEEWAY
from sojourn.model.realm import MAX_TOKEN_LIFETIME, Realm
from sojourn.model.session import End

#: A new key is published for so long before it signs, so that verifiers have read it; milliseconds.
PUBLISHED_BEFORE_USE = HOUR

#: So long before it is wanted the schedule publishes the next key; milliseconds.
PUBLISHED_AHEAD = DAY

#: A retired key stays so long after its last token: for clocks that differ, and for a repeat that is under way.
_KEPT_AFTER = LEEWAY + MINUTE

#: For so long after a key was revoked sessions that were begun at that moment are looked for.
_STRAGGLERS = MINUTE

_use = signing_key_use


#: What a key is to operators.
KeyState = Literal["next", "active", "retired", "removed", "revoked"]


class Rotation(NamedTuple):
    """What a rotation did."""

    active: str
    #: Published, not used yet.
    next: str
    #: Whether the key that signs has changed.
    changed: bool
    #: When the engine makes the next one active because somebody asked for it; None when nobody did.
    due: int | None = None


class Revoked(NamedTuple):
    """What a revocation did."""

    kid: str
    realm: Realm
    #: The key that signs now.
    active: str
    #: Sessions that were ended because they list tokens of the key.
    sessions: int


class Listed(NamedTuple):
    """One key as operators see it; instants in milliseconds."""

    kid: str
    realm: Realm
    algorithm: str
    state: KeyState
    created: int
    activated: int | None
    retired: int | None
    #: When it becomes active; None where that is not settled.
    due: int | None
    #: What it signed ends then at the latest; 0 = it signed nothing, None = that was not noted.
    until: int | None


class KeyLife:
    """Changes the rings of all realms."""

    def __init__(
        self, *, rings: KeyRings, realms: Realms, ends: Ends, audit: Audit, db: EngineDatabase, clock: Clock
    ) -> None:
        self._rings = rings
        self._realms = realms
        self._ends = ends
        self._audit = audit
        self._db = db
        self._clock = clock

    async def list(self, realm: Realm) -> Sequence[Listed]:
        """All keys that the realm ever had, oldest first."""

        def work(connection: Connection) -> Sequence[Listed]:
            rows, until = lookups.ring(connection, realm), _until(connection, realm)
            active = next((row for row in rows if row.state == "active"), None)
            return [_listed(realm, row, active, until.get(row.kid)) for row in rows]

        return await self._db.read(work)

    async def realm_of(self, kid: str) -> Realm:
        """The realm that has this key, that of operators included; raises :class:`UnknownKey`."""
        wanted = select(signing_key.c.realm).where(signing_key.c.kid == kid)
        found = await self._db.read(lambda connection: connection.execute(wanted).scalar_one_or_none())
        for realm in (*self._realms.all(), self._realms.operators):
            if realm.id == found:
                return realm
        raise UnknownKey

    async def rotate(self, realm: Realm, *, actor: str = "") -> Rotation:
        """Make the next key active when it has been published for an hour; else see to it that this happens then.

        Raises :class:`UnknownKey` for a realm without keys.
        """
        return await self._db.write(lambda connection: self._rotate(connection, realm, actor))

    async def revoke(self, realm: Realm, kid: str, *, actor: str = "") -> Revoked:
        """Refuse ``kid`` from the next request on, and end every session that lists a token of it.

        An active key is replaced at once: by the next one if that has been published for an hour, else by a new one.
        Revoking it again ends what is left. Raises :class:`UnknownKey`, ``Unavailable`` when sessions could not be ended
        now: they are refused all the same, and the upkeep ends them.
        """
        active = await self._db.write(lambda connection: self._revoke(connection, realm, kid, actor))
        return Revoked(kid, realm, active, await self._end_sessions(realm, kid, actor))

    async def tend(self) -> None:
        """Do what is due in every realm: publish, activate, remove, and end what a revocation has left."""
        for realm in (*self._realms.all(), self._realms.operators):
            await self._tend(realm)

    async def _tend(self, realm: Realm) -> None:
        now = self._clock.now()
        rows = await self._db.read(lambda connection: lookups.ring(connection, realm))
        if _wanted(rows, realm, now):
            await self._db.write(lambda connection: self._keep_schedule(connection, realm))
        if any(row.state == "retired" and row.removed is None for row in rows):
            await self._remove(realm)
        for row in rows:
            if row.state == "revoked" and row.removed is None:
                await self._end_sessions(realm, row.kid, row.actor)
                if now >= (row.retired or 0) + _STRAGGLERS:
                    await self._db.write(lambda connection: _set(connection, row.kid, removed=now))  # noqa: B023 - awaited here

    async def _end_sessions(self, realm: Realm, kid: str, actor: str) -> int:
        return await self._ends.of_key(realm.id, kid, End("revoked", self._clock.now(), actor))

    async def _remove(self, realm: Realm) -> None:
        def due(connection: Connection) -> list[str]:
            now, until = self._clock.now(), _until(connection, realm)
            return [
                row.kid
                for row in lookups.ring(connection, realm)
                if row.state == "retired"
                and row.removed is None
                and now >= until.get(row.kid, (row.retired or 0) + MAX_TOKEN_LIFETIME) + _KEPT_AFTER
                and now >= (row.retired or 0) + _KEPT_AFTER
            ]

        def work(connection: Connection) -> None:
            for kid in due(connection):
                _set(connection, kid, removed=self._clock.now(), sealed=b"")
                self._audited(connection, "removed", realm, kid)

        if await self._db.read(due):
            await self._db.write(work)

    def _rotate(self, connection: Connection, realm: Realm, actor: str) -> Rotation:
        rows, now = lookups.ring(connection, realm), self._clock.now()
        active, coming = _active(rows), _next(rows)
        if active is None:
            raise UnknownKey("the realm has no signing key yet")
        if coming is None:
            kid = self._rings.insert(connection, realm, "next", due_after=PUBLISHED_BEFORE_USE)
            self._audited(connection, "published", realm, kid, actor)
            published = next(row for row in lookups.ring(connection, realm) if row.kid == kid)
            return Rotation(active.kid, kid, changed=False, due=published.due)
        if now - coming.created < PUBLISHED_BEFORE_USE:
            due = coming.created + PUBLISHED_BEFORE_USE
            _set(connection, coming.kid, due=due)
            return Rotation(active.kid, coming.kid, changed=False, due=due)
        return Rotation(coming.kid, self._activate(connection, realm, active, coming, actor), changed=True)

    def _activate(
        self, connection: Connection, realm: Realm, active: SigningKeyRow, coming: SigningKeyRow, actor: str
    ) -> str:
        """``coming`` signs from now on; the key that is published next."""
        now = self._clock.now()
        if active.state == "active":
            _set(connection, active.kid, state="retired", retired=now)
        _set(connection, coming.kid, state="active", activated=now, due=None)
        self._audited(connection, "activated", realm, coming.kid, actor)
        published = self._rings.insert(connection, realm, "next")
        self._audited(connection, "published", realm, published, actor)
        return published

    def _keep_schedule(self, connection: Connection, realm: Realm) -> None:
        rows, now = lookups.ring(connection, realm), self._clock.now()
        active, coming = _active(rows), _next(rows)
        # Looked at again inside the transaction: an operator may have been faster.
        if active is None or not _wanted(rows, realm, now):
            return
        if coming is None:
            self._audited(connection, "published", realm, self._rings.insert(connection, realm, "next"))
        else:
            self._activate(connection, realm, active, coming, "")

    def _revoke(self, connection: Connection, realm: Realm, kid: str, actor: str) -> str:
        rows, now = lookups.ring(connection, realm), self._clock.now()
        row = next((row for row in rows if row.kid == kid), None)
        if row is None:
            raise UnknownKey
        if row.state != "revoked":
            _set(connection, kid, state="revoked", retired=now, due=None, removed=None, sealed=b"", actor=actor)
            self._audited(connection, "revoked", realm, kid, actor)
        if row.state != "active":
            active = _active(rows)
            return active.kid if active else ""
        coming = _next(rows)
        if coming is not None and now - coming.created >= PUBLISHED_BEFORE_USE:
            self._activate(connection, realm, row._replace(state="revoked"), coming, actor)
            return coming.kid
        made = self._rings.insert(connection, realm, "active")
        self._audited(connection, "activated", realm, made, actor)
        return made

    def _audited(self, connection: Connection, act: str, realm: Realm, kid: str, actor: str = "") -> None:
        detail: dict[str, Json] = {"act": act, "kid": kid}
        connection.execute(self._audit.row("KEY_CHANGE", realm=realm.id, outcome="ok", actor=actor, detail=detail))


def _active(rows: Sequence[SigningKeyRow]) -> SigningKeyRow | None:
    return next((row for row in rows if row.state == "active"), None)


def _next(rows: Sequence[SigningKeyRow]) -> SigningKeyRow | None:
    return next((row for row in rows if row.state == "next"), None)


def _wanted(rows: Sequence[SigningKeyRow], realm: Realm, now: int) -> bool:
    """Whether the schedule, or an operator, wants a key published or activated now."""
    active, coming = _active(rows), _next(rows)
    if active is None:
        return False
    if coming is None:
        rotates = _rotates(realm, active)
        return rotates is not None and now >= rotates - PUBLISHED_AHEAD
    due = _due(realm, active, coming)
    return due is not None and now >= due


def _rotates(realm: Realm, active: SigningKeyRow) -> int | None:
    """When the schedule wants another key, None = never."""
    rotation = realm.config.key_rotation
    return (active.activated or active.created) + rotation if rotation else None


def _due(realm: Realm, active: SigningKeyRow, coming: SigningKeyRow) -> int | None:
    """When ``coming`` becomes active: at the schedule's time or an operator's, an hour after it was published at least."""
    times = [instant for instant in (coming.due, _rotates(realm, active)) if instant is not None]
    return max(min(times), coming.created + PUBLISHED_BEFORE_USE) if times else None


def _listed(realm: Realm, row: SigningKeyRow, active: SigningKeyRow | None, until: int | None) -> Listed:
    removed = row.state == "retired" and row.removed is not None
    return Listed(
        kid=row.kid,
        realm=realm,
        algorithm=row.algorithm,
        state="removed" if removed else cast("KeyState", row.state),
        created=row.created,
        activated=row.activated,
        retired=row.retired,
        due=_due(realm, active, row) if row.state == "next" and active else None,
        until=until,
    )


def _set(connection: Connection, kid: str, **values: str | int | bytes | None) -> None:
    connection.execute(update(signing_key).where(signing_key.c.kid == kid).values(**values))


def _until(connection: Connection, realm: Realm) -> dict[str, int]:
    wanted = select(_use.c.kid, _use.c.until).join(signing_key, signing_key.c.kid == _use.c.kid)
    found = connection.execute(wanted.where(signing_key.c.realm == realm.id))
    return {row.kid: row.until for row in found}
