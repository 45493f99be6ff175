"""Signing keys: one ring per realm, the private parts sealed under the master key.

A key is *next* (published, not used yet), *active* (signs), *retired* (verifies what it signed) or *revoked* (refused at
once).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from joserfc.jwk import OKPKey
from sqlalchemy import Connection, insert, update

from sojourn.core import json
from sojourn.core.clock import HOUR, SECOND, Clock
from sojourn.core.crypto import MasterKey
from sojourn.core.errors import NotFound
from sojourn.engine import lookups
from sojourn.engine.database import EngineDatabase
from sojourn.engine.database.schema import signing_key
from sojourn.engine.facts import Facts, Snapshot
from sojourn.engine.lookups import SigningKeyRow
from sojourn.identity.compact import decode_part, encode_part
from sojourn.model.realm import MAX_TOKEN_LIFETIME, Realm

#: A new key is published for so long before it signs, so that verifiers have read it; milliseconds.
PUBLISHED_BEFORE_USE = HOUR

#: An unknown ``kid`` makes a process read the ring again, but not more often than this; milliseconds.
REREAD_AFTER = SECOND

ALGORITHM = "EdDSA"


class UnknownKey(NotFound):
    """The realm has no such signing key."""

    code = "keys.unknown"


class VerifyKey(NamedTuple):
    """A public key of a ring that may verify."""

    kid: str
    #: ``next``, ``active`` or ``retired``.
    state: str
    key: OKPKey


class SigningKey(NamedTuple):
    """The private key that signs now."""

    kid: str
    key: OKPKey


class Rotation(NamedTuple):
    """What a rotation did."""

    active: str
    #: Published; becomes active at a rotation an hour later.
    next: str
    #: Whether the key that signs has changed.
    changed: bool


class _Ring:
    """The parsed keys of one realm; the private key is opened when it is first needed."""

    def __init__(self, rows: Sequence[SigningKeyRow], now: int) -> None:
        self.rows = rows
        #: The facts that were the present ones when the rows were looked at last.
        self.seen: Snapshot | None = None
        self.verify = {row.kid: _verify_key(row) for row in rows if _verifies(row, now)}
        self.signing: SigningKey | None = None

    def active(self) -> SigningKeyRow | None:
        """The key that signs."""
        return next((row for row in self.rows if row.state == "active"), None)


class KeyRings:
    """The rings of all realms."""

    def __init__(self, db: EngineDatabase, facts: Facts, master: MasterKey, clock: Clock) -> None:
        self._db = db
        self._facts = facts
        self._master = master
        self._clock = clock
        self._rings: dict[str, _Ring] = {}
        self._reread_at: dict[str, int] = {}

    async def ensure(self, realm: Realm) -> None:
        """Give ``realm`` an active key when it has none, and prove that the master key opens it.

        Raises :class:`~sojourn.core.errors.MasterKeyMissing` when the key was sealed with another master key.
        """
        if (await self._ring(realm)).active() is None:
            await self._db.write(lambda connection: self._ensure(connection, realm))
        await self.active(realm)

    async def active(self, realm: Realm) -> SigningKey:
        """The key that signs for ``realm``; raises :class:`UnknownKey` before :meth:`ensure`."""
        ring = await self._ring(realm)
        if ring.signing is None:
            row = ring.active()
            if row is None:
                raise UnknownKey("the realm has no signing key yet")
            ring.signing = SigningKey(row.kid, self._open(realm, row))
        return ring.signing

    def known(self, realm: Realm, kid: str, facts: Snapshot) -> VerifyKey | None:
        """As :meth:`find`, without waiting: None also when the ring has to be read first, see :meth:`refresh`."""
        ring = self._rings.get(realm.id)
        return ring.verify.get(kid) if ring is not None and ring.seen is facts else None

    async def refresh(self, realm: Realm, facts: Snapshot) -> None:
        """Read the ring of ``realm`` unless it is known as ``facts`` have it."""
        ring = self._rings.get(realm.id)
        if ring is None or ring.seen is not facts:
            await self._read_ring(realm, facts)

    async def find(self, realm: Realm, kid: str) -> VerifyKey | None:
        """The key ``kid`` when it may verify now; None when it is unknown, revoked or of another realm."""
        found = (await self._ring(realm)).verify.get(kid)
        now = self._clock.now()
        if found is None and now - self._reread_at.get(realm.id, 0) >= REREAD_AFTER:
            self._reread_at[realm.id] = now
            rows = await self._db.read(lambda connection: lookups.ring(connection, realm))
            found = _Ring(rows, now).verify.get(kid)
        return found

    async def jwks(self, realm: Realm) -> dict[str, list[dict[str, json.Json]]]:
        """The public keys of ``realm`` as a JWK Set: next, active and retired."""
        ring = await self._ring(realm)
        return {"keys": [json.decode(row.public) for row in ring.rows if row.kid in ring.verify]}

    async def rotate(self, realm: Realm) -> Rotation:
        """Publish a next key, or make the next one active when it has been published for an hour."""
        return await self._db.write(lambda connection: self._rotate(connection, realm))

    async def revoke(self, realm: Realm, kid: str) -> None:
        """Refuse ``kid`` from the next request on; an active key is replaced by a new one at once.

        Raises :class:`UnknownKey`.
        """
        await self._db.write(lambda connection: self._revoke(connection, realm, kid))

    async def _ring(self, realm: Realm) -> _Ring:
        return await self._read_ring(realm, await self._facts.current())

    async def _read_ring(self, realm: Realm, facts: Snapshot) -> _Ring:
        rows = await facts.ring(realm)
        ring = self._rings.get(realm.id)
        if ring is None or (ring.rows is not rows and ring.rows != rows):
            ring = self._rings[realm.id] = _Ring(rows, self._clock.now())
        ring.rows, ring.seen = rows, facts
        return ring

    def _ensure(self, connection: Connection, realm: Realm) -> None:
        if not any(row.state == "active" for row in lookups.ring(connection, realm)):
            self._insert(connection, realm, "active")

    def _rotate(self, connection: Connection, realm: Realm) -> Rotation:
        rows = {row.state: row for row in lookups.ring(connection, realm) if row.state in ("next", "active")}
        coming, active = rows.get("next"), rows.get("active")
        if active is None:
            raise UnknownKey("the realm has no signing key yet")
        if coming is None:
            return Rotation(active.kid, self._insert(connection, realm, "next"), changed=False)
        now = self._clock.now()
        if now - coming.created < PUBLISHED_BEFORE_USE:
            return Rotation(active.kid, coming.kid, changed=False)
        _set_state(connection, active.kid, "retired", retired=now)
        _set_state(connection, coming.kid, "active", activated=now)
        return Rotation(coming.kid, self._insert(connection, realm, "next"), changed=True)

    def _revoke(self, connection: Connection, realm: Realm, kid: str) -> None:
        row = next((row for row in lookups.ring(connection, realm) if row.kid == kid), None)
        if row is None:
            raise UnknownKey
        _set_state(connection, kid, "revoked", retired=self._clock.now())
        if row.state == "active":
            self._insert(connection, realm, "active")

    def _insert(self, connection: Connection, realm: Realm, state: str) -> str:
        kid = secrets.token_urlsafe(12)
        jwk = OKPKey.generate_key("Ed25519").as_dict(private=True)
        public = {name: str(jwk[name]) for name in ("kty", "crv", "x")}
        now = self._clock.now()
        connection.execute(
            insert(signing_key).values(
                realm=realm.id,
                kid=kid,
                algorithm=ALGORITHM,
                state=state,
                public=json.encode_text({**public, "kid": kid, "use": "sig", "alg": ALGORITHM}),
                sealed=self._master.seal(decode_part(str(jwk["d"])), self._bound_to(realm, kid)),
                created=now,
                activated=now if state == "active" else None,
            )
        )
        return kid

    def _open(self, realm: Realm, row: SigningKeyRow) -> OKPKey:
        private = encode_part(self._master.open(row.sealed, self._bound_to(realm, row.kid)))
        return OKPKey.import_key({**_public_members(row.public), "d": private})

    def _bound_to(self, realm: Realm, kid: str) -> str:
        return f"{self._db.installation}/{realm.id}/{kid}"


def _set_state(connection: Connection, kid: str, state: str, **instants: int) -> None:
    connection.execute(update(signing_key).where(signing_key.c.kid == kid).values(state=state, **instants))


def _verifies(row: SigningKeyRow, now: int) -> bool:
    if row.state == "retired":
        return now < (row.retired or 0) + MAX_TOKEN_LIFETIME
    return row.state != "revoked"


def _verify_key(row: SigningKeyRow) -> VerifyKey:
    return VerifyKey(row.kid, row.state, OKPKey.import_key(_public_members(row.public)))


def _public_members(public: str) -> dict[str, str | list[str]]:
    jwk: Mapping[str, json.Json] = json.decode(public)
    return {name: str(jwk[name]) for name in ("kty", "crv", "x")}
