"""Ceilings of all sessions, by kind of realm, and the share of them that anonymous sessions may take."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from sojourn.config.settings import SessionSettings
from sojourn.core.clock import SECOND, Clock
from sojourn.core.errors import StaleSession, Unavailable
from sojourn.engine.ends.ends import Ends
from sojourn.engine.realms import OPERATORS, Realms
from sojourn.model.realm import Realm
from sojourn.model.session import End, Identity, Session
from sojourn.stores.base import Counted, Cursor, SessionStore

_log = logging.getLogger(__name__)

#: How old a count of the store may get, in milliseconds; and how old where it says that there is no room.
COUNTED_FOR = 10 * SECOND
RECOUNT_AFTER = SECOND

#: How many sessions are looked at, a page at a time, to find anonymous ones that go first, and how many then go.
_PAGE = 200
_MOST_PAGES = 10
_MAKE_ROOM_FOR = 10


class AnonymousLimit(Unavailable):
    """There is no room for a further visitor who is not logged in; try again later."""

    code = "session.anonymous_limit"


class CeilingReached(Unavailable):
    """There is no room for a further session; try again later."""

    code = "session.ceiling"


class _Kind(NamedTuple):
    """What is counted together."""

    stateful: bool
    anonymous: bool


class Ceilings:
    """Keeps the numbers of live sessions under ``[sessions] maxStateful`` and ``maxStateless``.

    The number is what the store counted, at most 10 seconds ago, and what this process began since. So a ceiling is
    passed by no more than what other processes began within those 10 seconds, and by logged-in users by what was begun
    in the very moment of a count; it is there to protect memory and disk, not a right. Where the number says *full* it
    is counted again, once a second at most. Sessions that ended since the count still count. A store that cannot count
    has no ceilings.

    A logged-in user is never refused because of anonymous sessions: when there is no room, the idlest of them end, of
    those found among 2,000 sessions looked at. When none of them is found there, the session is begun over the ceiling.
    """

    def __init__(
        self, *, store: SessionStore, ends: Ends, realms: Realms, settings: SessionSettings, clock: Clock
    ) -> None:
        self._store = store
        self._counted = store if isinstance(store, Counted) else None
        self._ends = ends
        self._realms = realms
        self._settings = settings
        self._clock = clock
        self._live: Counter[_Kind] = Counter()
        self._under_way: Counter[_Kind] = Counter()
        self._since: Counter[_Kind] = Counter()
        #: How many of the live ones may have been counted twice: begun while the store counted.
        self._doubtful: Counter[_Kind] = Counter()
        #: Anonymous sessions by realm id: where to look for those that may go.
        self._anonymous: Counter[str] = Counter()
        self._counted_at: int | None = None
        self._counting = asyncio.Lock()
        self._making_room = asyncio.Lock()
        self._seen: dict[str, Cursor] = {}
        if self._counted is None:
            _log.warning("the session store cannot count: maxStateful, maxStateless and anonymousShare have no effect")

    @asynccontextmanager
    async def place(self, realm: Realm, identity: Identity) -> AsyncIterator[None]:
        """A place for the session that is begun inside; given back when that fails.

        Raises :class:`AnonymousLimit` and :class:`CeilingReached`.
        """
        kind = _kind(realm, identity)
        # Who has to make room must be able to come in.
        ceiling = 0 if realm.name == OPERATORS else self._ceiling(stateful=realm.stateful)
        if ceiling:
            await self._wait_for_room(kind, ceiling)
        # No await between the look at the numbers and this.
        self._note(realm, identity, 1)
        self._under_way[kind] += 1
        try:
            yield
        except BaseException:
            self._note(realm, identity, -1)
            raise
        finally:
            self._under_way[kind] -= 1

    def moved(self, realm: Realm, before: Identity, after: Identity) -> None:
        """A session has another identity now."""
        self._note(realm, before, -1)
        self._note(realm, after, 1)

    def ended(self, realm: Realm, identity: Identity) -> None:
        """A session was ended to make room."""
        self._note(realm, identity, -1)

    async def _wait_for_room(self, kind: _Kind, ceiling: int) -> None:
        await self._count(COUNTED_FOR)
        if self._refusal(kind, ceiling) is None:
            return
        await self._count(RECOUNT_AFTER)
        while (refusal := self._refusal(kind, ceiling)) is not None:
            if kind.anonymous or not self._live[_Kind(kind.stateful, anonymous=True)]:
                raise refusal
            if not await self._make_room(ceiling, stateful=kind.stateful):
                return

    def _refusal(self, kind: _Kind, ceiling: int) -> Unavailable | None:
        """Why there is no room; where the number is in doubt, it is for who is logged in and against visitors."""
        visitors, users = _Kind(kind.stateful, anonymous=True), _Kind(kind.stateful, anonymous=False)
        live = self._live[visitors] + self._live[users]
        if kind.anonymous:
            if self._live[visitors] >= ceiling * self._settings.anonymous_share // 100:
                return AnonymousLimit()
        else:
            live -= self._doubtful[visitors] + self._doubtful[users]
        return CeilingReached() if live >= ceiling else None

    def _ceiling(self, *, stateful: bool) -> int:
        """0 = none."""
        if self._counted is None:
            return 0
        return self._settings.max_stateful if stateful else self._settings.max_stateless

    def _note(self, realm: Realm, identity: Identity, number: int) -> None:
        kind = _kind(realm, identity)
        self._live[kind] += number
        self._since[kind] += number
        if kind.anonymous:
            self._anonymous[realm.id] += number

    async def _count(self, not_older_than: int) -> None:
        if self._counted is None or not self._is_older(not_older_than):
            return
        if self._counting.locked() and self._counted_at is not None:
            # Somebody counts already; the old number is good enough meanwhile.
            return
        async with self._counting:
            if self._is_older(not_older_than):
                await self._count_now(self._counted)

    def _is_older(self, than: int) -> bool:
        return self._counted_at is None or abs(self._clock.now() - self._counted_at) >= than

    async def _count_now(self, store: Counted) -> None:
        # What is begun while the store counts may be in its answer or not.
        under_way, self._since = Counter(self._under_way), Counter()
        now = self._clock.now()
        live, anonymous = Counter[_Kind](), Counter[str]()
        for realm_id, kind, number in await store.count(now):
            realm = self._realms.by_id(realm_id)
            if realm is not None:
                live[_Kind(realm.stateful, kind == "anonymous")] += number
                anonymous[realm_id] += number if kind == "anonymous" else 0
        self._live = Counter({kind: live[kind] + under_way[kind] + self._since[kind] for kind in _KINDS})
        self._doubtful = Counter({kind: under_way[kind] + max(0, self._since[kind]) for kind in _KINDS})
        self._anonymous, self._counted_at = anonymous, now

    # --- room for who is logged in ---

    async def _make_room(self, ceiling: int, *, stateful: bool) -> bool:
        """Whether there was room, or was made; False when no anonymous session was found that could go."""
        async with self._making_room:
            if self._refusal(_Kind(stateful, anonymous=False), ceiling) is None:
                return True
            return any(await asyncio.gather(*(self._end(session) for session in await self._idlest(stateful=stateful))))

    async def _end(self, session: Session) -> bool:
        end = End("session-limit", self._clock.now(), rule="anonymousShare")
        try:
            ended = await self._ends.write(session, end)
        except StaleSession:
            # It has logged in meanwhile: an anonymous session no longer.
            return False
        realm = self._realms.by_id(session.realm)
        if realm is not None and ended is not None and ended.now:
            self.ended(realm, session.identity)
        return True

    async def _idlest(self, *, stateful: bool) -> Sequence[Session]:
        """Anonymous sessions that may go, the idlest first, of those found with a bounded amount of work."""
        found: list[Session] = []
        pages = _MOST_PAGES
        for realm_id, _ in self._anonymous.most_common():
            realm = self._realms.by_id(realm_id)
            while realm is not None and realm.stateful == stateful and pages and len(found) < _PAGE:
                pages -= 1
                page = await self._page(realm_id)
                found += [session for session in page if session.identity.kind == "anonymous"]
                if len(page) < _PAGE:
                    break
        found.sort(key=lambda session: session.last)
        return found[:_MAKE_ROOM_FOR]

    async def _page(self, realm_id: str) -> Sequence[Session]:
        """The page after the one that was looked at last; after the end the first one again."""
        after = self._seen.pop(realm_id, None)
        page = await self._store.list(realm_id, None, self._clock.now(), after=after, limit=_PAGE)
        if len(page) == _PAGE:
            self._seen[realm_id] = page[-1].created, page[-1].id
        return page


def _kind(realm: Realm, identity: Identity) -> _Kind:
    return _Kind(realm.stateful, identity.kind == "anonymous")


_KINDS = [_Kind(stateful, anonymous) for stateful in (False, True) for anonymous in (False, True)]
