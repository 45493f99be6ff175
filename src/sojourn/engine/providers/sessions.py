"""Sessions that a provider authenticated, and their end when the user logs out there.

A login writes the provider's names of its session here, and looks for a logout, in one transaction; a logout writes itself
here, and marks the sessions it finds, in one transaction too. Whichever comes second sees the other: no logout is missed,
not even one that arrives before its login has finished. A marked session is refused from the next check on, everywhere;
then it is ended in the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, or_, select

from sojourn.core.clock import DAY, Clock
from sojourn.core.json import Json
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.providers.external import ExternalIdentity, held_by
from sojourn.engine.providers.providers import Provider
from sojourn.engine.realms import Realms
from sojourn.engine.sessions import Sessions
from sojourn.identity.oidc.errors import LoginNotTaken
from sojourn.identity.oidc.idtoken import IdToken
from sojourn.identity.oidc.logout_token import LogoutToken
from sojourn.model.realm import Realm
from sojourn.model.session import EndReason, Session

#: How long a logout is remembered: longer than any login can be under way, or any ID token be shown; milliseconds.
REMEMBERED = DAY

#: Rows of one kind that are cleared away with one act, once their time is over.
_CLEARED = 100

_session, _logout, _end = schema.provider_session, schema.provider_logout, schema.provider_end


class Proof(NamedTuple):
    """What a login rests on."""

    provider: Provider
    token: IdToken
    #: When the browser was sent to the provider, our own time; 0 where an ID token came by itself.
    begun: int = 0


class _Against(NamedTuple):
    """What stands against a login that has just begun its session."""

    end: EndReason
    cause: str


_LOGGED_OUT = _Against("provider-logout", "logged-out")
_UNLINKED = _Against("dropped", "no-account")


class ProviderSessions:
    """Binds sessions to what their providers call them."""

    def __init__(self, *, db: EngineDatabase, sessions: Sessions, realms: Realms, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._sessions = sessions
        self._realms = realms
        self._audit = audit
        self._clock = clock

    async def check(self, proof: Proof) -> None:
        """Raise ``LoginNotTaken`` ``logged-out`` when the provider has ended what the login rests on."""
        if await self._db.read(lambda connection: _ended(connection, proof)):
            raise LoginNotTaken("logged-out")

    async def settle(self, proof: Proof, realm: Realm, session: Session) -> None:
        """Bind a session that has just begun; one that the provider ended meanwhile is ended, and the error raised.

        So is one whose identity was unlinked meanwhile (``no-account``): who unlinks it ends what was bound before. Nobody
        may have its handle before this returns. Raises as :meth:`check`.
        """
        token, directory = proof.token, realm.config.directory

        def work(connection: Connection) -> _Against | None:
            _hold(connection, proof.provider.key)
            self._clear(connection)
            if _ended(connection, proof):
                return _LOGGED_OUT
            if held_by(connection, directory, token.issuer, token.subject) != session.identity.user_key:
                return _UNLINKED
            for table in (_session, _end):
                connection.execute(delete(table).where(table.c.session == session.id))
            connection.execute(
                insert(_session).values(
                    provider=proof.provider.key,
                    sid=proof.token.sid,
                    subject=proof.token.subject,
                    realm=realm.id,
                    session=session.id,
                    keep_until=session.absolute + REMEMBERED,
                )
            )
            return None

        against = await self._db.write(work)
        if against is not None:
            await self._sessions.end_by_id(realm, session.id, against.end, actor="")
            raise LoginNotTaken(against.cause)

    async def logout(self, provider: Provider, token: LogoutToken) -> int:
        """End what a verified logout token names: the provider's session, or all of its subject; how many lived.

        From the moment that this is written they are refused, and so is every login that rests on what was ended.
        """
        now = self._clock.now()
        # A logout that names both ends that one session of the subject [Back-Channel Logout 2.4].
        named = _session.c.sid == token.sid if token.sid else _session.c.subject == token.subject

        def work(connection: Connection) -> Sequence[tuple[str, str]]:
            _hold(connection, provider.key)
            self._clear(connection)
            about = {"sid": token.sid, "subject": "" if token.sid else token.subject, "not_before": token.issued}
            kept = {"at": now, "keep_until": now + REMEMBERED}
            connection.execute(insert(_logout).values(provider=provider.key, **about, **kept))
            found = connection.execute(
                select(_session.c.session, _session.c.realm, _session.c.keep_until).where(
                    _session.c.provider == provider.key, named
                )
            ).all()
            for row in found:
                connection.execute(delete(_end).where(_end.c.session == row.session))
                connection.execute(insert(_end).values(session=row.session, at=now, keep_until=row.keep_until))
            detail: dict[str, Json] = {"by": "provider", "provider": provider.name, "sessions": len(found)}
            connection.execute(self._audit.row("LOGOUT", realm="", outcome="ok", detail=detail))
            return [(row.session, row.realm) for row in found]

        found = await self._db.write(work)
        return await self._end_all(found, lambda one: one.identity.provider == provider.key, "provider-logout")

    async def end_of(
        self, providers: Sequence[Provider], gone: ExternalIdentity, spared: str, *, actor: str, rule: str
    ) -> int:
        """End the sessions of an identity that is linked no longer, but ``spared``; how many lived."""
        mine = [provider.key for provider in providers if provider.config.issuer == gone.issuer]
        wanted = select(_session.c.session, _session.c.realm).where(
            _session.c.provider.in_(mine), _session.c.subject == gone.subject, _session.c.session != spared
        )
        found = await self._db.read(lambda connection: [(sid, at) for sid, at in connection.execute(wanted)])

        def rests_on_it(session: Session) -> bool:
            return session.identity.provider in mine and session.identity.user_key == gone.account

        return await self._end_all(found, rests_on_it, "dropped", actor=actor, rule=rule)

    async def _end_all(
        self,
        found: Sequence[tuple[str, str]],
        due: Callable[[Session], bool],
        reason: EndReason,
        *,
        actor: str = "",
        rule: str = "",
    ) -> int:
        ended = 0
        for sid, realm_id in found:
            realm = self._realms.by_id(realm_id)
            loaded = await self._sessions.show(realm, sid) if realm else None
            # The record may have gone on to a login of another kind since then.
            if realm and loaded and due(loaded.session):
                await self._sessions.end_by_id(realm, sid, reason, actor=actor, rule=rule)
                ended += 1
        return ended

    def _clear(self, connection: Connection) -> None:
        for table in (_session, _logout, _end):
            _clear_table(connection, table, self._clock.now())


def _clear_table(connection: Connection, table: Table, now: int) -> None:
    due = connection.execute(select(table.c.key).where(table.c.keep_until <= now).limit(_CLEARED)).scalars().all()
    if due:
        connection.execute(delete(table).where(table.c.key.in_(due)))


def _hold(connection: Connection, provider_key: int) -> None:
    """Let logins and logouts of one provider wait for each other."""
    table = schema.identity_provider
    connection.execute(select(table.c.key).where(table.c.key == provider_key).with_for_update())


def _ended(connection: Connection, proof: Proof) -> bool:
    token = proof.token
    # Of one session of the provider: it does not come back. Of a subject: what was issued until then, and every login
    # that had been begun when the logout came.
    of_sid = and_(_logout.c.sid == token.sid, _logout.c.sid != "")
    until: list[ColumnElement[bool]] = [_logout.c.not_before >= token.issued]
    if proof.begun:
        until.append(_logout.c.at >= proof.begun)
    of_subject = and_(_logout.c.sid == "", _logout.c.subject == token.subject, or_(*until))
    wanted = select(_logout.c.key).where(_logout.c.provider == proof.provider.key, or_(of_sid, of_subject)).limit(1)
    return connection.execute(wanted).first() is not None
