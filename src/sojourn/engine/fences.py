"""The four fences: a session lives only while account, realm and engine have the ``authEpoch`` it was made under."""

from __future__ import annotations

from sojourn.core.clock import Clock
from sojourn.core.errors import SessionEnded, SessionUnknown, StaleSession
from sojourn.engine.ends import Ends
from sojourn.engine.facts import Facts, Standing
from sojourn.engine.lookups import UNKNOWN_EPOCH
from sojourn.model.realm import Realm
from sojourn.model.session import ANONYMOUS_KEY, End, EndReason, Fences, Identity, Session
from sojourn.model.user import Account

#: States in which an account's live sessions go on. A lock stops new logins only.
_LIVE_STATES = frozenset({"active", "locked"})


class Fence:
    """Compares a session with the facts of this instant."""

    def __init__(self, facts: Facts, ends: Ends, clock: Clock) -> None:
        self._facts = facts
        self._ends = ends
        self._clock = clock

    async def now(self, realm: Realm, identity: Identity, authenticated: Account | None = None) -> Fences:
        """The numbers that a session begun now is made under; the account's as it was when ``authenticated``."""
        fences = await self._facts.current().fences(realm, identity.user_key)
        if authenticated is None:
            return fences
        return Fences(authenticated.auth_epoch, fences.realm, fences.engine)

    async def check(self, realm: Realm, session: Session) -> Account | None:
        """The account of ``session`` (None without one) when no fence has moved.

        Otherwise the session is ended here and now, and :class:`SessionEnded` raised.
        """
        standing = self.passed(realm, session)
        if standing is None:
            facts, key = self._facts.current(), session.identity.user_key
            standing = await facts.read_standing(realm, key)
            if not _passes(session, standing):
                raise await self._end(session, await self._reason(session, *standing))
        return standing.account

    def passed(self, realm: Realm, session: Session) -> Standing | None:
        """The standing of the session's account when its facts are at hand and no fence has moved.

        None leaves everything open: then :meth:`check` finds out. This spares most requests a coroutine that never waits.
        """
        standing = self._facts.current().standing(realm, session.identity.user_key)
        return standing if standing is not None and _passes(session, standing) else None

    async def _reason(self, session: Session, account: Account | None, fences: Fences) -> EndReason:
        """Why, the same for whoever finds it first: what raised the fence wrote its reason beside it."""
        key = session.identity.user_key
        if fences.realm == UNKNOWN_EPOCH:
            return "realm-removed"
        if key != ANONYMOUS_KEY and account is None:
            return "user-deleted"
        if account is not None and account.state not in _LIVE_STATES:
            return "user-disabled"
        if fences.account != session.fences.account:
            return await self._facts.ended_reason(key)
        return "ended-everywhere"

    async def _end(self, session: Session, reason: EndReason) -> SessionEnded | StaleSession | SessionUnknown:
        end = End(reason, self._clock.now())
        try:
            ended = await self._ends.write(session, end)
        except StaleSession as error:
            return error
        first = ended.end if ended else end
        return first.error()


def _passes(session: Session, standing: Standing) -> bool:
    account, fences = standing
    live = account.state in _LIVE_STATES if account is not None else session.identity.user_key == ANONYMOUS_KEY
    # A realm that is gone has no number; a session that was begun in it after that has none either.
    return live and fences == session.fences and fences.realm != UNKNOWN_EPOCH
