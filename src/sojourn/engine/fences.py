"""The four fences: a session lives only while account, realm and engine have the ``authEpoch`` it was made under.

Beside them stand the instant before which no session counts, the keys that were revoked, the identity provider that
authenticated it, and what this process has seen end lately. Nothing passes while the session store is being brought up to
date.
"""

from __future__ import annotations

import msgspec

from sojourn.core.clock import Clock
from sojourn.core.errors import SessionEnded, SessionReplaced, SessionUnknown, StaleSession
from sojourn.engine.ends.ends import Ends
from sojourn.engine.facts import LIVE_STATES, Facts, Snapshot, Standing
from sojourn.engine.lookups import UNKNOWN_EPOCH, Why
from sojourn.engine.watch.watch import StoreWatch
from sojourn.model.realm import Realm
from sojourn.model.scope import ScopeSet
from sojourn.model.session import ANONYMOUS_KEY, REPLACED_FOR, End, Fences, Identity, Session
from sojourn.model.user import Account

#: Rule of the end of a session whose account's record was changed from outside.
TAMPERED = "the record of the account was changed from outside"


class Fence:
    """Compares a session with the facts of this instant."""

    def __init__(self, facts: Facts, ends: Ends, clock: Clock, watch: StoreWatch) -> None:
        self._facts = facts
        self._ends = ends
        self._recent = ends.recent
        self._clock = clock
        self._watch = watch

    async def now(self, realm: Realm, identity: Identity, authenticated: Account | None = None) -> Fences:
        """The numbers that a session begun now is made under; the account's as it was when ``authenticated``."""
        self._watch.admit()
        facts = await self._facts.current()
        fences = await facts.fences(realm, identity.user_key)
        if authenticated is None:
            return fences
        return Fences(authenticated.auth_epoch, fences.realm, fences.engine)

    async def check(self, realm: Realm, session: Session, *, begun: bool = False) -> Account | None:
        """The account of ``session`` (None without one) when no fence has moved.

        Otherwise the session is ended here and now, and :class:`SessionEnded` raised. Of one that was ``begun`` just now
        only the fences are asked: that another login has displaced it meanwhile, its next request is told.
        """
        standing = self.passed(realm, session)
        if standing is None:
            facts, key = await self._facts.current(), session.identity.user_key
            standing = facts.standing(realm, key) or await facts.read_standing(realm, key)
            ended = None if begun else self._recent.denies(session)
            if ended is not None:
                raise await self._end(session, ended)
            if not _passes(session, standing) or _rests_on_more(session.identity):
                # The facts that the request came with may be older than the session.
                facts = await self._facts.anew()
                standing = facts.standing(realm, key) or await facts.read_standing(realm, key)
            if not _passes(session, standing):
                if await self._rotates(realm, session, standing):
                    raise SessionReplaced
                why = await self._why(realm, session, standing)
                raise await self._end(session, End(why.reason, self._clock.now(), why.actor, why.rule))
            await self._check_basis(session, facts)
        return standing.account

    def passed(self, realm: Realm, session: Session) -> Standing | None:
        """The standing of the session's account when its facts are at hand and no fence has moved.

        None leaves everything open: then :meth:`check` finds out. This spares most requests a coroutine that never
        waits. Raises ``Unavailable`` while the session store cannot be relied on.
        """
        if not self._watch.serving:
            self._watch.admit()
        facts = self._facts.glance()
        standing = facts.standing(realm, session.identity.user_key) if facts else None
        if standing is None or not _passes(session, standing) or self._recent.denies(session) is not None:
            return None
        # A login that rests on something else than a password is asked about that too.
        return None if _rests_on_more(session.identity) else standing

    async def actor_scopes(self, realm: Realm, identity: Identity) -> ScopeSet | None:
        """See :meth:`Facts.actor_scopes`."""
        return await self._facts.actor_scopes(realm, identity)

    async def _check_basis(self, session: Session, facts: Snapshot) -> None:
        """End a session whose AuthToken is dead, whose actor may not act any more, or whose provider stands against it."""
        identity, now = session.identity, self._clock.now()
        if identity.auth_token:
            token = await facts.auth_token_by_key(identity.auth_token)
            dead = "unknown" if token is None else token.dead(now)
            if dead is not None:
                raise await self._end(session, End("token-revoked", now, rule=dead))
        if identity.actor_key and await facts.acting(identity.actor_key) is None:
            raise await self._end(session, End("token-revoked", now, rule="actor"))
        against = await facts.ended_by_provider(session)
        if against is not None:
            raise await self._end(session, End(against.reason, now, against.actor))

    async def _rotates(self, realm: Realm, session: Session, standing: Standing) -> bool:
        """Whether this session has just changed the password of its account, and is about to get its new secret.

        Until then it is refused like the others, but it is not ended.
        """
        before = msgspec.structs.replace(standing.fences, account=standing.fences.account - 1)
        if not standing.live or session.fences != before or session.created < standing.not_before:
            return False
        raised = await self._facts.raised(realm, session.identity.user_key)
        return raised.kept == session.id and self._clock.now() - raised.kept_at < REPLACED_FOR

    async def _why(self, realm: Realm, session: Session, standing: Standing) -> Why:
        """Why, the same for whoever finds it first: what raised the fence wrote its reason beside it."""
        account, fences, not_before = standing[:3]
        key, made = session.identity.user_key, session.fences
        if fences.realm == UNKNOWN_EPOCH:
            return Why("realm-removed")
        if session.created < not_before:
            return Why("restored")
        if key != ANONYMOUS_KEY and (account is None or account.state not in LIVE_STATES):
            return _unusable(account)
        if fences == made:
            return await self._who_revoked(realm, session)
        raised = await self._facts.raised(realm, key)
        if fences.account != made.account:
            return raised.account
        return raised.realm if fences.realm != made.realm else raised.engine

    async def _who_revoked(self, realm: Realm, session: Session) -> Why:
        ring = await (await self._facts.current()).ring(realm)
        kids = {token.kid for token in session.tokens}
        return Why("revoked", next((row.actor for row in ring if row.kid in kids and row.state == "revoked"), ""))

    async def _end(self, session: Session, end: End) -> SessionEnded | StaleSession | SessionUnknown:
        if not session.secret:
            # It has no record: who keeps it ends it.
            return end.error()
        try:
            ended = await self._ends.write(session, end)
        except StaleSession as error:
            return error
        first = ended.end if ended else end
        return first.error()


def _unusable(account: Account | None) -> Why:
    if account is None:
        return Why("user-deleted")
    return Why("user-disabled", rule="" if account.intact else TAMPERED)


def _rests_on_more(identity: Identity) -> bool:
    return bool(identity.auth_token or identity.actor_key or identity.provider)


def _passes(session: Session, standing: Standing) -> bool:
    if not (standing.live and standing.fences == session.fences and session.created >= standing.not_before):
        return False
    # Whoever has a key that was revoked may have made tokens of every session that lists one of that key.
    for token in session.tokens:  # noqa: SIM110 - a generator would cost more than what it asks
        if token.kid and token.kid not in standing.kids:
            return False
    return True
