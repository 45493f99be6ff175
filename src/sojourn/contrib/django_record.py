"""The record behind one Django session: found by its key, begun, changed, rotated and ended on the engine's event loop."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from django.core.exceptions import ImproperlyConfigured

from sojourn.bootstrap import Engine
from sojourn.core.errors import SessionReplaced, SessionUnknown, StaleSession, Unauthorized
from sojourn.core.ids import SessionHandle, parse_handle
from sojourn.engine.access import Access
from sojourn.engine.fields.draft import remember
from sojourn.model import field
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.model.session import Device, Identity

_log = logging.getLogger(__name__)

#: A session store of Django sees no request, so it knows nothing of the client.
_DEVICE = Device()


async def open_key(engine: Engine, realm: str, key: str) -> Access:
    """The session that ``key`` opens; raises ``Unauthorized``."""
    handle = parse_handle(key)
    if handle is None:
        raise SessionUnknown
    return await engine.rules.sessions.open(realm_of(engine, realm), handle, "cookie")


async def opens(engine: Engine, realm: str, key: str) -> bool:
    """Whether ``key`` opens a live session."""
    try:
        await open_key(engine, realm, key)
    except Unauthorized:
        return False
    return True


def realm_of(engine: Engine, name: str) -> Realm:
    """The realm; raises ``ImproperlyConfigured`` for one that shares fields between sessions, ``RealmUnknown``."""
    realm = engine.realm(name)
    if realm.shares_fields:
        # Django keeps in the items who is logged in here, and under which password: that is never another session's.
        raise ImproperlyConfigured(f"globalSession of realm {name!r} must be login: Django's sessions share no items")
    return realm


class Record:
    """What is known of the record; without :attr:`access` there is none."""

    def __init__(self, realm: str) -> None:
        self._realm = realm
        self.access: Access | None = None
        #: The fields as of the last act on the record.
        self.known: Mapping[str, Field] = {}
        #: Why the key that was shown opens nothing, empty when it does.
        self.lost = ""

    async def open(self, engine: Engine, key: str) -> None:
        """Open what ``key`` opens, and record the access."""
        try:
            access = await open_key(engine, self._realm, key)
        except Unauthorized as error:
            self._lose(key, error.code)
            return
        await engine.rules.sessions.touch(access)
        self.access, self.known = access, access.fields

    async def begin(self, engine: Engine, ops: Sequence[Op], identity: Identity, idle: int) -> str:
        """Begin a record with the fields that ``ops`` put; its key."""
        realm, fields = realm_of(engine, self._realm), {op.name: op.text for op in ops}
        begun = await engine.rules.sessions.begin(realm, identity, _DEVICE, fields=fields, idle=idle)
        return await self._adopt(engine, begun.handle)

    async def change(self, engine: Engine, access: Access, ops: Sequence[Op], *, anew: bool) -> Changed:
        """Apply all of ``ops`` or none; ``anew``: after everything else was dropped. No ops are an access all the same."""
        sessions = engine.rules.sessions
        if anew:
            ops = [*map(field.delete, await sessions.fields(access)), *ops]
        changed = await sessions.change(access, ops)
        known = remember(self.known, ops, changed)
        self.known = await sessions.fields(access) if known is None else known
        return changed

    async def rotate(self, engine: Engine, access: Access, identity: Identity) -> str:
        """Give the record a new key, which is returned; raises ``Unauthorized`` and ``StaleSession``."""
        begun = await engine.rules.sessions.rotate(access, identity, _DEVICE, keep=None)
        return await self._adopt(engine, begun.handle)

    async def follow_idle(self, engine: Engine, idle: int) -> None:
        """Give the record the idle limit, where it has another one."""
        access = self.access
        if access is not None and access.session.idle != idle:
            await engine.rules.sessions.set_idle(access, idle)

    async def end(self, engine: Engine, key: str) -> None:
        """End what ``key`` opens; nothing when it opens nothing.

        Raises ``SessionReplaced`` and ``StaleSession`` when another request has given the record a new key: it lives on.
        """
        try:
            await engine.rules.sessions.end(await open_key(engine, self._realm, key))
        except SessionReplaced:
            raise
        except Unauthorized:
            return

    async def expire(self, engine: Engine, access: Access) -> None:
        """End the record because the time that the application gave it has passed."""
        self.access, self.known, self.lost = None, {}, "session.ended"
        try:
            await engine.rules.sessions.end(access, "absolute")
        except (Unauthorized, StaleSession):
            return

    async def _adopt(self, engine: Engine, handle: SessionHandle) -> str:
        access = await open_key(engine, self._realm, str(handle))
        self.access, self.known, self.lost = access, access.fields, ""
        return str(handle)

    def _lose(self, key: str, code: str) -> None:
        self.access, self.known, self.lost = None, {}, code
        handle = parse_handle(key)
        if handle is not None:
            _log.info("session %s cannot be opened: %s", handle.id, code)
