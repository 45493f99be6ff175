"""Sessions of Sojourn for Django: ``SESSION_ENGINE = "sojourn.contrib.django"``.

Settings: ``SOJOURN_PROJECT``, the project folder, and ``SOJOURN_REALM``, the name of a realm in it. Django's session and
authentication middleware, its cookie and its CSRF protection stay as they are. The session key is the handle
``<id>.<secret>``; the engine chooses it, never the client.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import ImproperlyConfigured

from sojourn.bootstrap import Engine
from sojourn.contrib.django_record import Record, opens, realm_of
from sojourn.contrib.django_values import DjangoDraft, SerializedJson
from sojourn.contrib.portal import Portal, portal_of
from sojourn.core.clock import SECOND
from sojourn.core.errors import SessionReplaced, StaleSession, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.fields import draft
from sojourn.model.field import Changed, Op
from sojourn.model.realm import Realm
from sojourn.model.session import Identity
from sojourn.model.user import external_identity

__all__ = ["SessionConflict", "SessionStore"]

#: Where django.contrib.auth keeps the key of its user.
_USER = "_auth_user_id"
_EXPIRY = "_session_expiry"
#: The space of Django's users among the principals of the realm; no pipeline can have that name.
_SPACE = "@django"
_FIRST_VERSION = 1
_INTERRUPTED = "The session was ended or changed hands in a concurrent request."


class SessionConflict(draft.SessionConflict, SessionInterrupted):
    """Another request changed the same item of the session meanwhile; repeat the request."""


class SessionStore(SessionBase):
    """The session of one request.

    What was read and changed is saved in one atomic act that loses nothing of other requests; see
    :mod:`sojourn.engine.fields.draft`. :meth:`save` raises Django's ``UpdateError`` when the session has ended or changed hands
    meanwhile, and :class:`SessionConflict` when another request changed the same item.
    """

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._record = Record(_realm())
        self._codec = SerializedJson(self.serializer())
        self._session_cache: DjangoDraft
        if self.session_key is None:
            self._session_cache = self._draft()

    @property
    def lost(self) -> str:
        """Why the session that the client showed cannot be opened (``session.ended`` …), empty when it can."""
        return self._record.lost

    # --- Django's face: each method twice, what it does once ---

    def load(self) -> dict[str, Any]:
        """The items of the session; of a new one when the key opens none, which is then not used again."""
        return cast("dict[str, Any]", _portal().call(self._load))

    async def aload(self) -> dict[str, Any]:
        """See :meth:`load`."""
        return cast("dict[str, Any]", await _portal().acall(self._load))

    def exists(self, session_key: str) -> bool:
        """Whether the key opens a live session."""
        return _portal().call(lambda engine: opens(engine, _realm(), session_key))

    async def aexists(self, session_key: str) -> bool:
        """See :meth:`exists`."""
        return await _portal().acall(lambda engine: opens(engine, _realm(), session_key))

    def create(self) -> None:
        """Begin a session with the items at hand, under a new key."""
        _portal().call(self._create)

    async def acreate(self) -> None:
        """See :meth:`create`."""
        await _portal().acall(self._create)

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """Save what was changed, or begin a session."""
        _portal().call(lambda engine: self._save(engine, must_create=must_create))

    async def asave(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        """See :meth:`save`."""
        await _portal().acall(lambda engine: self._save(engine, must_create=must_create))

    def delete(self, session_key: str | None = None) -> None:
        """End the session of the key, or this one, for good."""
        _portal().call(lambda engine: self._delete(engine, session_key))

    async def adelete(self, session_key: str | None = None) -> None:
        """See :meth:`delete`."""
        await _portal().acall(lambda engine: self._delete(engine, session_key))

    def flush(self) -> None:
        """End the session; what is set after this begins a new one. An interruption where it has a new key by now."""
        _portal().call(self._flush)

    async def aflush(self) -> None:
        """See :meth:`flush`."""
        await _portal().acall(self._flush)

    def cycle_key(self) -> None:
        """Give the session a new key; the old one opens nothing from now on, in no request."""
        _portal().call(self._cycle)

    async def acycle_key(self) -> None:
        """See :meth:`cycle_key`."""
        await _portal().acall(self._cycle)

    @classmethod
    def clear_expired(cls) -> None:
        """Sweep now; sessions past their limits are dead without it."""
        _portal().call(_sweep)

    @classmethod
    async def aclear_expired(cls) -> None:
        """See :meth:`clear_expired`."""
        await _portal().acall(_sweep)

    def setdefault(self, key: str, value: Any) -> Any:  # type: ignore[override]
        """The item; ``value`` where there is none, which is then set unless another request is faster."""
        return self[key] if key in self else self._session_cache.setdefault(key, value)

    async def asetdefault(self, key: str, value: Any) -> Any:
        """See :meth:`setdefault`."""
        return await self.aget(key) if await self.ahas_key(key) else self._session_cache.setdefault(key, value)

    def clear(self) -> None:
        """Drop all items; the session itself goes on."""
        if not hasattr(self, "_session_cache"):
            self._session_cache = self._draft()
        self._session_cache.clear()
        self.accessed = self.modified = True

    @property
    def modified(self) -> bool:
        """Whether there is something to save: said by Django, or found by comparing, changes inside a value too."""
        return self._modified or (hasattr(self, "_session_cache") and self._session_cache.changed)

    @modified.setter
    def modified(self, value: bool) -> None:
        self._modified = value

    # --- what they do, on the event loop of the engine ---

    async def _load(self, engine: Engine) -> DjangoDraft:
        await self._open(engine)
        if self._record.access is None:
            self._session_key = None
        self._session_cache = self._draft()
        return self._session_cache

    async def _open(self, engine: Engine) -> Access | None:
        record = self._record
        await record.open(engine, self.session_key or "")
        if record.access is not None and self._is_over(engine.rules.clock.now()):
            await record.expire(engine, record.access)
        return record.access

    async def _create(self, engine: Engine) -> None:
        items = self._draft()
        items.clear()
        items.update(getattr(self, "_session_cache", {}))
        self._session_cache, ops = items, items.ops()
        idle = self._idle(realm_of(engine, _realm()))
        self._session_key = await self._record.begin(engine, ops, self._identity(engine), idle)
        items.saved(ops, _FIRST_VERSION)
        self.modified = True

    async def _save(self, engine: Engine, *, must_create: bool) -> None:
        if self.session_key is None:
            await self._create(engine)
        elif must_create:
            if await opens(engine, _realm(), self.session_key):
                raise CreateError
            await self._create(engine)
        else:
            await self._update(engine)

    async def _update(self, engine: Engine) -> None:
        access = self._record.access or await self._open(engine)
        if access is None:
            raise UpdateError
        if not hasattr(self, "_session_cache"):
            self._session_cache = self._draft()
        try:
            await self._write(engine, access)
            await self._follow(engine, access)
        except draft.SessionConflict as error:
            raise SessionConflict(error.name, error.expected, error.found) from error
        except (Unauthorized, StaleSession) as error:
            raise UpdateError from error

    async def _write(self, engine: Engine, access: Access) -> None:
        items = self._session_cache

        async def write(ops: Sequence[Op]) -> Changed:
            return await self._record.change(engine, access, ops, anew=items.cleared)

        if items.ops():
            await draft.save(items, write)
        else:
            # An access all the same, and an error where the session has ended.
            await write(())
            items.cleared = False

    async def _follow(self, engine: Engine, access: Access) -> None:
        """Let the record follow the items: whose session it is, so that it is listed as that user's, and how long."""
        identity = self._identity(engine)
        if identity.principal != access.session.principal:
            self._session_key = await self._record.rotate(engine, access, identity)
        await self._record.follow_idle(engine, self._idle(access.realm))

    async def _cycle(self, engine: Engine) -> None:
        if not hasattr(self, "_session_cache"):
            await self._load(engine)
        access = self._record.access
        if access is None:
            await self._create(engine)
            return
        try:
            self._session_key = await self._record.rotate(engine, access, access.session.identity)
        except (Unauthorized, StaleSession) as error:
            raise SessionInterrupted(_INTERRUPTED) from error
        self.modified = True

    async def _delete(self, engine: Engine, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        try:
            if key is not None:
                await self._record.end(engine, key)
        except (SessionReplaced, StaleSession) as error:
            raise SessionInterrupted(_INTERRUPTED) from error

    async def _flush(self, engine: Engine) -> None:
        await self._delete(engine)
        self._session_key = None
        self._record = Record(_realm())
        self._session_cache = self._draft()
        self.accessed = self.modified = True

    # --- parts ---

    def _draft(self) -> DjangoDraft:
        return DjangoDraft(lambda: self._record.known, self._codec)

    def _identity(self, engine: Engine) -> Identity:
        user = self._session_cache.peek(_USER)
        return external_identity(_SPACE, str(user), (), "", engine.rules.clock.now()) if user else Identity()

    def _idle(self, realm: Realm) -> int:
        """What ``set_expiry`` asked for, within what the realm allows; else the shorter of realm and Django."""
        expiry = self._session_cache.peek(_EXPIRY)
        own = isinstance(expiry, int) and expiry > 0
        wanted = expiry if own else self.get_session_cookie_age()
        return min(wanted * SECOND, realm.max_idle if own else realm.session_idle or realm.max_idle, realm.max_idle)

    def _is_over(self, now: int) -> bool:
        """Whether ``set_expiry`` gave the session an instant, and that has come."""
        found = self._record.known.get(_EXPIRY)
        expiry = self._codec.decode(found.text) if found else None
        if isinstance(expiry, str):
            return now >= datetime.fromisoformat(expiry).timestamp() * SECOND
        return expiry is not None and expiry < 0


async def _sweep(engine: Engine) -> None:
    await engine.rules.upkeep.sweeper.round()


def _portal() -> Portal:
    project = _setting("SOJOURN_PROJECT", "the folder of a Sojourn project")
    return project if isinstance(project, Portal) else portal_of(project)


def _realm() -> str:
    return str(_setting("SOJOURN_REALM", "the name of a realm of the project"))


def _setting(name: str, meaning: str) -> Any:
    value = getattr(settings, name, None)
    if value is None:
        raise ImproperlyConfigured(f"sojourn.contrib.django needs {name}: {meaning}")
    return value
