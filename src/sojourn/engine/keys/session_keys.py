"""The secrets with which tokens are signed where a realm says ``jwtAlgorithm: HS256``: one of its own for each login.

It lies in the session's record, sealed under a secret of the realm, so it dies with the session and with every new login,
nobody but this engine can verify what it signed, and a change of the master key need not touch the session store.
"""

from __future__ import annotations

import base64
import os

from msgspec.structs import replace

from sojourn.core.crypto import MasterKey
from sojourn.core.errors import MasterKeyMissing
from sojourn.engine.keys.seals import Seals
from sojourn.model.realm import Realm
from sojourn.model.session import Identity, Session

#: Bytes of a secret.
SIZE = 32


class SessionKeys:
    """Makes and opens the secrets of sessions."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals
        self._realms: dict[str, MasterKey] = {}

    async def equip(self, realm: Realm, sid: str, identity: Identity) -> Identity:
        """``identity`` with a new secret where the realm signs with one, without any elsewhere and for nobody."""
        if realm.config.jwt_algorithm != "HS256" or not identity.principal:
            return replace(identity, token_key="") if identity.token_key else identity
        sealed = (await self._of(realm)).seal(os.urandom(SIZE), _bound_to(realm, sid))
        return replace(identity, token_key=base64.b64encode(sealed).decode())

    async def open(self, realm: Realm, session: Session) -> bytes | None:
        """The secret of ``session``; None when it has none, and when what lies in its record is not ours."""
        text = session.identity.token_key
        if not text:
            return None
        try:
            return (await self._of(realm)).open(base64.b64decode(text), _bound_to(realm, session.id))
        except MasterKeyMissing:
            return None

    async def _of(self, realm: Realm) -> MasterKey:
        found = self._realms.get(realm.id)
        if found is None:
            found = self._realms[realm.id] = MasterKey(await self._seals.secret(f"session-keys/{realm.id}"))
        return found


def _bound_to(realm: Realm, sid: str) -> str:
    return f"{realm.id}/{sid}"
