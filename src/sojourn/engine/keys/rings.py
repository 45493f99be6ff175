"""Signing keys: one ring per realm, the private parts sealed under the master key. How they come and go: ``keylife``.

A key is *next* (published, not used yet), *active* (signs), *retired* (verifies what it signed) or *revoked* (refused at
once).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from joserfc.jwk import OKPKey
from sqlalchemy import Connection, insert, select, update

from sojourn.core import json
from sojourn.core.clock import MINUTE, SECOND, Clock
from sojourn.core.errors import NotFound
from sojourn.engine import lookups
from sojourn.engine.database import EngineDatabase, RowConflict
from sojourn.engine.database.schema import signing_key, signing_key_use
from sojourn.engine.facts import Facts, Snapshot
from sojourn.engine.keys.sealed import bound_signing_key
from sojourn.engine.keys.seals import Seals
from sojourn.engine.lookups import SigningKeyRow
from sojourn.identity.compact import decode_part, encode_part
from sojourn.model.realm import Realm

#: An unknown ``kid`` makes a process read the ring again, but not more often than this; milliseconds.
REREAD_AFTER = SECOND

ALGORITHM = "EdDSA"

#: A key's use is noted so far ahead of the token's end, so that not every token writes; milliseconds.
_AHEAD = 10 * MINUTE

_use = signing_key_use


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


class _Ring:
    """The parsed keys of one realm; a private key is opened when it is first needed."""

    def __init__(self, rows: Sequence[SigningKeyRow]) -> None:
        self.rows = rows
        #: The facts that were the present ones when the rows were looked at last.
        self.seen: Snapshot | None = None
        self.verify = {row.kid: _verify_key(row) for row in rows if verifies(row)}

    def active(self) -> SigningKeyRow | None:
        """The key that signs."""
        return next((row for row in self.rows if row.state == "active"), None)


class KeyRings:
    """The rings of all realms."""

    def __init__(self, db: EngineDatabase, facts: Facts, seals: Seals, clock: Clock) -> None:
        self._db = db
        self._facts = facts
        self._seals = seals
        self._clock = clock
        self._rings: dict[str, _Ring] = {}
        self._private: dict[str, OKPKey] = {}
        self._noted: dict[str, int] = {}
        self._reread_at: dict[str, int] = {}

    async def ensure(self, realm: Realm) -> None:
        """Give ``realm`` an active key when it has none, and prove that the master key opens it.

        Raises :class:`~sojourn.core.errors.MasterKeyMissing` when the key was sealed with another master key.
        """
        await self._seals.start()
        if (await self._ring(realm)).active() is None:
            await self._db.write(lambda connection: self._ensure(connection, realm))
        await self.active(realm)

    async def active(self, realm: Realm) -> SigningKey:
        """The key that signs for ``realm``; raises :class:`UnknownKey` before :meth:`ensure`."""
        row = (await self._ring(realm)).active()
        if row is None:
            raise UnknownKey("the realm has no signing key yet")
        return SigningKey(row.kid, self._open(realm, row))

    async def to_sign(self, realm: Realm, until: int) -> SigningKey:
        """The key that signs, for something that is valid until ``until``: noted before it is used.

        So a retired key is known to be needed no more when its time has come.
        """
        while True:
            key = await self.active(realm)
            if self._noted.get(key.kid, 0) >= until:
                return key
            ahead = until + max(_AHEAD, (until - self._clock.now()) // 8)
            try:
                if await self._db.write(lambda connection: _note(connection, key.kid, ahead)):  # noqa: B023 - awaited here
                    self._noted[key.kid] = ahead
                    return key
            except RowConflict:
                # Another process noted its first use at the same moment.
                continue

    async def vouches(self, realm: Realm, kid: str) -> bool:
        """Whether what ``kid`` has signed still counts: it is known and was not revoked."""
        return any(row.kid == kid and row.state != "revoked" for row in (await self._ring(realm)).rows)

    async def derive(self, realm: Realm, kid: str, purpose: str, text: str) -> bytes | None:
        """32 bytes that follow from ``text`` under a key of the ring; None when the key is revoked or erased."""
        row = next((row for row in (await self._ring(realm)).rows if row.kid == kid and row.sealed), None)
        if row is None:
            return None
        private = decode_part(str(self._open(realm, row).as_dict(private=True)["d"]))
        return hmac.new(private, f"{purpose}\n{text}".encode(), hashlib.sha256).digest()

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
            found = _Ring(rows).verify.get(kid)
        return found

    async def jwks(self, realm: Realm) -> dict[str, list[dict[str, json.Json]]]:
        """The public keys of ``realm`` as a JWK Set: next, active and retired."""
        ring = await self._ring(realm)
        return {"keys": [json.decode(row.public) for row in ring.rows if row.kid in ring.verify]}

    def insert(self, connection: Connection, realm: Realm, state: str, *, due_after: int | None = None) -> str:
        """Make a key in the caller's transaction, due so many milliseconds from now; its ``kid``."""
        while (kid := secrets.token_urlsafe(12)).startswith("-"):
            # It would be taken for an option on a command line.
            pass
        jwk = OKPKey.generate_key("Ed25519").as_dict(private=True)
        public = {name: str(jwk[name]) for name in ("kty", "crv", "x")}
        now = self._clock.now()
        private, bound_to = decode_part(str(jwk["d"])), bound_signing_key(self._db.installation, realm.id, kid)
        connection.execute(
            insert(signing_key).values(
                realm=realm.id,
                kid=kid,
                algorithm=ALGORITHM,
                state=state,
                public=json.encode_text({**public, "kid": kid, "use": "sig", "alg": ALGORITHM}),
                sealed=self._seals.seal(connection, private, bound_to),
                created=now,
                activated=now if state == "active" else None,
                due=None if due_after is None else now + due_after,
            )
        )
        connection.execute(insert(_use).values(kid=kid, until=0))
        return kid

    async def _ring(self, realm: Realm) -> _Ring:
        return await self._read_ring(realm, await self._facts.current())

    async def _read_ring(self, realm: Realm, facts: Snapshot) -> _Ring:
        rows = await facts.ring(realm)
        ring = self._rings.get(realm.id)
        if ring is None or (ring.rows is not rows and ring.rows != rows):
            for row in rows:
                if not row.sealed:
                    # Its private part was erased: here too.
                    self._private.pop(row.kid, None)
            ring = self._rings[realm.id] = _Ring(rows)
        ring.rows, ring.seen = rows, facts
        return ring

    def _ensure(self, connection: Connection, realm: Realm) -> None:
        if not any(row.state == "active" for row in lookups.ring(connection, realm)):
            self.insert(connection, realm, "active")

    def _open(self, realm: Realm, row: SigningKeyRow) -> OKPKey:
        """The private key, kept while the ring has it: a change of the master key is no reason to open it again."""
        found = self._private.get(row.kid)
        if found is None:
            bound_to = bound_signing_key(self._db.installation, realm.id, row.kid)
            private = encode_part(self._seals.open(row.sealed, bound_to))
            found = self._private[row.kid] = OKPKey.import_key({**_public_members(row.public), "d": private})
        return found


def verifies(row: SigningKeyRow) -> bool:
    """Whether tokens of this key may be verified: it is in the ring and was not revoked."""
    return row.state != "revoked" and row.removed is None


def _note(connection: Connection, kid: str, until: int) -> bool:
    """Note that ``kid`` signs for so long; False when it signs no more."""
    state = connection.execute(select(signing_key.c.state).where(signing_key.c.kid == kid).with_for_update(read=True))
    if state.scalar_one() != "active":
        return False
    raised = update(_use).where(_use.c.kid == kid, _use.c.until < until).values(until=until)
    if not connection.execute(raised).rowcount:
        known = connection.execute(select(_use.c.key).where(_use.c.kid == kid)).one_or_none()
        if known is None:
            connection.execute(insert(_use).values(kid=kid, until=until))
    return True


def _verify_key(row: SigningKeyRow) -> VerifyKey:
    return VerifyKey(row.kid, row.state, OKPKey.import_key(_public_members(row.public)))


def _public_members(public: str) -> dict[str, str | list[str]]:
    jwk: Mapping[str, json.Json] = json.decode(public)
    return {name: str(jwk[name]) for name in ("kty", "crv", "x")}
