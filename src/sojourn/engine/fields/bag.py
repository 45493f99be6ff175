"""The shared bag of a principal: the GLOBAL fields of all its sessions in realms with ``globalSession: user``.

A session of a principal has no fields of its own there. Those that it brings along (the fields of the anonymous session
that logged in, or of the time before the realm shared them) are moved into the bag, where that has none of the name.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from sojourn.config.problems import ConfigError, Problem
from sojourn.config.project import RealmFolder
from sojourn.core.clock import Clock
from sojourn.core.errors import FieldConflict, FieldLimit, InsufficientScope, SojournError, StoreUnavailable
from sojourn.engine.access import Access
from sojourn.model.field import Changed, Field, Op, delete, put_if
from sojourn.model.realm import Realm
from sojourn.model.session import Identity, Loaded, Session
from sojourn.stores.base import Bags, SessionStore

_log = logging.getLogger(__name__)

#: Without it a handle that is narrower than its session does not see the bag.
BAG_SCOPE = "session.global"


def check_bags(store: SessionStore, realms: Mapping[str, RealmFolder]) -> None:
    """Raise ``ConfigError`` when a realm shares fields and ``store`` cannot keep them."""
    if isinstance(store, Bags):
        return
    wanting = [name for name, realm in realms.items() if realm.config.global_session == "user"]
    if wanting:
        message = 'globalSession: "user" needs a session store that keeps shared bags, and this one does not'
        raise ConfigError(Problem(f"realms/{name}", 1, message) for name in wanting)


class SharedBags:
    """Reads and changes shared bags; ``Ends`` drops them."""

    def __init__(self, store: SessionStore, clock: Clock) -> None:
        self._store = store
        self._bags = store if isinstance(store, Bags) else None
        self._clock = clock

    async def fields(self, realm: Realm, loaded: Loaded) -> Mapping[str, Field]:
        """The fields that the session ``loaded`` has: those of its bag, and its own that are not there yet."""
        session, own = loaded
        if not shares(realm, session.identity):
            return own
        return {**own, **await self._port().read_bag(realm.id, session.principal, self._clock.now())}

    async def change(self, access: Access, ops: Sequence[Op]) -> Changed:
        """Apply ``ops`` to the bag of the session's principal, guarded by the session's life and epoch."""
        realm, session = access.realm, access.session
        if access.fields:
            await self.settle(realm, session)
        return await self._port().change_bag(
            realm.id,
            session.id,
            session.epoch,
            ops,
            self._clock.now(),
            idle=realm.bag_idle,
            limits=realm.limits,
        )

    async def settle(self, realm: Realm, session: Session) -> None:
        """Move the fields that ``session`` has of its own into the bag, if it still is the same session."""
        loaded = await self._store.load(realm.id, session.id, self._clock.now())
        if loaded is not None and loaded.session.epoch == session.epoch and loaded.fields:
            await self._move_in(realm, loaded)

    async def after_login(self, realm: Realm, session: Session) -> None:
        """:meth:`settle`, and never an error of the login: what could not be moved is moved at the next write."""
        try:
            await self.settle(realm, session)
        except SojournError as error:
            _log.warning("fields of session %s wait to be moved into the shared bag: %s", session.id, error.code)

    async def _move_in(self, realm: Realm, loaded: Loaded) -> None:
        """Add the session's own fields where the bag has none of the name, then take them out of the session.

        What does not fit into the bag is dropped, with a line in the log.
        """
        session, own = loaded
        there = await self._port().read_bag(realm.id, session.principal, self._clock.now())
        new = [put_if(name, field.text, 0) for name, field in own.items() if name not in there]
        if new and not await self._added(realm, session, new):
            await self._add_each(realm, session, new)
        gone = [delete(name) for name in own]
        await self._store.change(realm.id, session.id, session.epoch, gone, self._clock.now(), touch=False)

    async def _add_each(self, realm: Realm, session: Session, ops: Sequence[Op]) -> None:
        added = [await self._added(realm, session, [op]) for op in ops]
        if not all(added):
            _log.warning("session %s: %d fields did not go into the shared bag", session.id, added.count(False))

    async def _added(self, realm: Realm, session: Session, ops: Sequence[Op]) -> bool:
        """Whether all of ``ops`` were applied; False when one is there already, or one too many."""
        now = self._clock.now()
        port, limits = self._port(), realm.limits
        try:
            await port.change_bag(realm.id, session.id, session.epoch, ops, now, idle=realm.bag_idle, limits=limits)
        except (FieldConflict, FieldLimit):
            return False
        return True

    def _port(self) -> Bags:
        if self._bags is None:
            raise StoreUnavailable("the session store keeps no shared bags")
        return self._bags


def shares(realm: Realm, identity: Identity) -> bool:
    """Whether a session of ``identity`` in ``realm`` has the fields of its principal's bag."""
    return realm.shares_fields and bool(identity.principal)


def check_scope(access: Access) -> None:
    """Raise ``InsufficientScope`` when ``access`` may not see the shared bag."""
    if access.shared and access.delegated and BAG_SCOPE not in access.scope:
        raise InsufficientScope
