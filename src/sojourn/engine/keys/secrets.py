"""Secrets that scripts keep in records of their own: only the engine reads them, and only for the record they are for."""

from __future__ import annotations

from sojourn.core.crypto import MasterKey
from sojourn.core.errors import BadRequest, MasterKeyMissing, TokenRefused
from sojourn.engine.database import EngineDatabase
from sojourn.engine.keys.seals import Seals
from sojourn.identity.compact import decode_part, encode_part

#: What an encrypted secret begins with.
PREFIX = "sje1_"


class BadSecret(BadRequest):
    """This was not encrypted by this engine for this record."""

    code = "secret.invalid"


class Secrets:
    """Encrypts under a secret of the engine, which a change of the master key leaves as it is."""

    def __init__(self, seals: Seals, db: EngineDatabase) -> None:
        self._seals = seals
        self._db = db

    async def encrypt(self, key: int, secret: str) -> str:
        """``secret`` as text for the record with ``key``."""
        sealed = (await self._key()).seal(secret.encode(), self._bound_to(key))
        return PREFIX + encode_part(sealed)

    async def decrypt(self, key: int, text: str) -> str:
        """The secret of the record with ``key``; for native code only. Raises :class:`BadSecret`."""
        try:
            if not text.startswith(PREFIX):
                raise BadSecret
            sealed = decode_part(text.removeprefix(PREFIX))
            return (await self._key()).open(sealed, self._bound_to(key)).decode()
        except (ValueError, TokenRefused, MasterKeyMissing):
            raise BadSecret from None

    async def _key(self) -> MasterKey:
        return MasterKey(await self._seals.secret("secrets"))

    def _bound_to(self, key: int) -> str:
        return f"{self._db.installation}/record/{key}"
