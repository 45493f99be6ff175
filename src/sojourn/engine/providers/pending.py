"""Logins at a provider that are under way, and tokens that came once: values that are taken once, in the session store."""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

import msgspec

from sojourn.core.clock import MINUTE, Clock
from sojourn.core.crypto import MasterKey
from sojourn.core.errors import MasterKeyMissing, StoreUnavailable
from sojourn.core.ids import same, secret_hash
from sojourn.engine.access import Access
from sojourn.engine.keys.seals import Seals
from sojourn.identity.oidc.errors import LoginNotTaken
from sojourn.model.realm import Realm
from sojourn.model.session import Device
from sojourn.stores.base import SessionStore
from sojourn.stores.limited import OneTime

#: How long a browser may take at the provider, in milliseconds.
UNDER_WAY = 10 * MINUTE

_SECRET = "oidc-login"  # noqa: S105 - the name of the secret


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A login that is under way; sealed in the store, because the PKCE verifier is in it."""

    realm: str
    provider: int
    #: SHA-256 of what the browser's cookie holds, in hex.
    binding: str
    nonce: str
    verifier: str
    redirect_uri: str
    return_to: str
    begun: int
    #: The session, its epoch and its account, where a logged-in user links an identity.
    session: str = ""
    epoch: int = 0
    account: int = 0


class Way(NamedTuple):
    """How a browser is to come back."""

    #: What its cookie holds.
    binding: str
    #: Our callback, as the provider knows it.
    redirect_uri: str
    #: The path of ours where it goes in the end.
    return_to: str


class Browser(NamedTuple):
    """The browser that came back."""

    #: What its cookie holds, empty without one.
    binding: str
    device: Device
    #: The session that came with it.
    current: Access | None


class PendingLogins:
    """Keeps them for the browsers that began them."""

    def __init__(self, store: SessionStore, seals: Seals, clock: Clock) -> None:
        self._store = store
        self._seals = seals
        self._clock = clock

    async def keep(self, state: str, pending: Pending) -> None:
        """Keep ``pending`` under ``state`` for :data:`UNDER_WAY`."""
        name = _name("state", state)
        sealed = (await self._key()).seal(msgspec.json.encode(pending), name)
        text = base64.b64encode(sealed).decode()
        await _one_time(self._store).put(name, text, pending.begun + UNDER_WAY, self._clock.now())

    async def take(self, realm: Realm, state: str, binding: str) -> Pending:
        """The login that ``state`` names, for the browser that began it in ``realm``, once.

        Raises :class:`LoginNotTaken` ``state`` for everybody else; another browser does not even use it up.
        """
        store, name, now = _one_time(self._store), _name("state", state), self._clock.now()
        text = await store.look(name, now)
        if text is None:
            raise LoginNotTaken("state")
        try:
            opened = (await self._key()).open(base64.b64decode(text), name)
        except MasterKeyMissing as error:
            raise LoginNotTaken("state") from error
        pending = msgspec.json.decode(opened, type=Pending)
        if pending.realm != realm.id or not same(pending.binding.encode(), bound(binding).encode()):
            raise LoginNotTaken("state")
        taken = await store.take(name, now)
        if taken is None or not taken.first:
            raise LoginNotTaken("state")
        return pending

    async def first(self, kind: str, text: str, until: int) -> bool:
        """Whether ``text`` of this ``kind`` comes for the first time; remembered until the instant ``until``."""
        now = self._clock.now()
        return await _one_time(self._store).put(_name(kind, text), "seen", max(until, now + MINUTE), now)

    async def seen(self, kind: str, text: str) -> bool:
        """Whether :meth:`first` has said yes for it."""
        return await _one_time(self._store).look(_name(kind, text), self._clock.now()) is not None

    async def _key(self) -> MasterKey:
        return MasterKey(await self._seals.secret(_SECRET))


def bound(binding: str) -> str:
    """What is kept of the browser's cookie."""
    return secret_hash(binding).hex()


def _one_time(store: SessionStore) -> OneTime:
    if not isinstance(store, OneTime):
        raise StoreUnavailable("the session store keeps no values that are taken once")
    return store


def _name(kind: str, text: str) -> str:
    """The name of a one-time value; of ``text`` only its SHA-256 is in it."""
    return f"oidc:{kind}:{hashlib.sha256(text.encode()).hexdigest()}"
