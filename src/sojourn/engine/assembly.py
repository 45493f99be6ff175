"""Puts the rules of one engine together: which part stands on which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sojourn.config.settings import Settings
from sojourn.core.clock import Clock, StoreClock
from sojourn.core.crypto import MasterKey
from sojourn.core.masterkey import MasterKeyFile
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.records import Accounts, AccountSeal
from sojourn.engine.accounts.users import Users
from sojourn.engine.activity import Activity
from sojourn.engine.attest import Attest
from sojourn.engine.audit.keeping import AuditKeeping
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.ends.drops import Drops
from sojourn.engine.ends.ends import Ends
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.ends.replay import Replay
from sojourn.engine.facts import Facts
from sojourn.engine.identities import Identities
from sojourn.engine.keys.apikeys import ApiKeys
from sojourn.engine.keys.life import KeyLife
from sojourn.engine.keys.rings import KeyRings
from sojourn.engine.keys.seals import Seals
from sojourn.engine.keys.secrets import Secrets
from sojourn.engine.keys.session_keys import SessionKeys
from sojourn.engine.leases import Leases
from sojourn.engine.login import Logins
from sojourn.engine.passwords.credentials import Credentials
from sojourn.engine.passwords.mailing import Mailer
from sojourn.engine.passwords.notices import Notices
from sojourn.engine.passwords.passwords import Passwords
from sojourn.engine.passwords.records import PasswordRecords
from sojourn.engine.passwords.reset import PasswordResets
from sojourn.engine.passwords.throttling import Throttling
from sojourn.engine.providers.federation import Federation, federate
from sojourn.engine.realms import Realms
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import Actors
from sojourn.engine.security.rights import Rights
from sojourn.engine.sessions import Sessions
from sojourn.engine.sweeper import Sweeper
from sojourn.engine.tokens.access_tokens import Tokens
from sojourn.engine.tokens.authtokens import AuthTokens
from sojourn.engine.tokens.bearers import Bearers
from sojourn.engine.tokens.inspection import Inspection
from sojourn.engine.tokens.keeping import TokenKeeping
from sojourn.engine.tokens.refresh import Refreshes
from sojourn.engine.tokens.uses import TokenUses
from sojourn.engine.upkeep import Chore, Upkeep
from sojourn.engine.watch.watch import StoreWatch
from sojourn.identity.password import PasswordHasher
from sojourn.outbound.mail import mail_port
from sojourn.stores.base import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What every part stands on; ``time`` is the store's."""

    settings: Settings
    db: EngineDatabase
    store: SessionStore
    seals: Seals
    hasher: PasswordHasher
    time: StoreClock
    audit: Audit
    accounts: Accounts
    facts: Facts
    realms: Realms
    journal: EndJournal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """How sessions end, and what looks after the store."""

    ends: Ends
    watch: StoreWatch
    drops: Drops
    activity: Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """Who may come in with a password."""

    users: Users
    throttling: Throttling
    credentials: Credentials
    passwords: Passwords
    mailer: Mailer
    notices: Notices


def assemble(
    *,
    settings: Settings,
    db: EngineDatabase,
    store: SessionStore,
    clock: Clock,
    master: MasterKey,
    hasher: PasswordHasher,
    audit: type[Audit] = Audit,
    master_file: MasterKeyFile | None = None,
) -> Rules:
    """The rules over ``db`` and ``store``; ``clock`` is this machine's, all parts go by the store's time.

    ``master_file`` is where the master key lies; without it nobody can change it.
    """
    time = StoreClock(clock)
    log = audit(db, time)
    accounts = Accounts(AccountSeal(), time)
    ground = _Ground(
        settings=settings,
        db=db,
        store=store,
        seals=Seals(db, master, log, file=master_file),
        hasher=hasher,
        time=time,
        audit=log,
        accounts=accounts,
        facts=Facts(db, accounts.seal, time),
        realms=Realms(db),
        journal=EndJournal(db),
    )
    return _rules(ground, _ends(ground))


def _rules(ground: _Ground, ending: _Ends) -> Rules:
    """Identity and sessions over time and ends."""
    db, log, facts, time = ground.db, ground.audit, ground.facts, ground.time
    rings = KeyRings(db, facts, ground.seals, time)
    life = KeyLife(rings=rings, realms=ground.realms, ends=ending.ends, audit=log, db=db, clock=time)
    keeping = AuditKeeping(db=db, audit=log, settings=ground.settings.audit, clock=time)
    token_keeping = TokenKeeping(db=db, settings=ground.settings.audit, clock=time)
    keys = SessionKeys(ground.seals)
    sessions, tokens, uses = _sessions(ground, ending, keys), _tokens(ground, rings, keys), TokenUses(db, log, time)
    actors = Actors(facts)
    entry = _entry(ground, ending, actors, sessions)
    logins = Logins(credentials=entry.credentials, sessions=sessions, audit=log, clock=time)
    refreshes = _refreshes(ground, ending, rings, tokens, sessions)
    auth_tokens = AuthTokens(
        db=db, actors=actors, scripts=sessions.transients.scripts, ends=ending.ends, audit=log, clock=time
    )
    attest = Attest(db=db, users=entry.users, rings=rings, tokens=tokens, ends=ending.ends, audit=log, clock=time)
    grants = Grants(db, log, time)
    federation = _federation(ground, entry, grants, sessions, logins)
    return Rules(
        settings=ground.settings,
        clock=time,
        db=db,
        store=ground.store,
        realms=ground.realms,
        facts=facts,
        actors=actors,
        rights=Rights(ground.realms),
        accounts=ground.accounts,
        users=entry.users,
        passwords=entry.passwords,
        credentials=entry.credentials,
        throttling=entry.throttling,
        grants=grants,
        mailer=entry.mailer,
        notices=entry.notices,
        api_keys=ApiKeys(db, log, time),
        keys=rings,
        key_life=life,
        seals=ground.seals,
        secrets=Secrets(ground.seals, db),
        tokens=tokens,
        auth_tokens=auth_tokens,
        token_uses=uses,
        token_keeping=token_keeping,
        bearers=Bearers(tokens=tokens, sessions=sessions, uses=uses, logins=logins, facts=facts, clock=time),
        refreshes=refreshes,
        inspection=Inspection(
            tokens=tokens,
            sessions=sessions,
            refreshes=refreshes,
            auth_tokens=auth_tokens,
            ends=ending.ends,
            audit=log,
            clock=time,
        ),
        attest=attest,
        identities=Identities(
            logins=logins, sessions=sessions, uses=uses, through=federation.logins, audit=log, clock=time
        ),
        providers=federation.providers,
        federation=federation,
        sessions=sessions,
        logins=logins,
        audit=log,
        audit_keeping=keeping,
        journal=ground.journal,
        activity=ending.activity,
        ends=ending.ends,
        watch=ending.watch,
        drops=ending.drops,
        upkeep=_upkeep(ground, ending, (keeping.round, token_keeping.tend, life.tend, attest.tidy), uses),
    )


def _refreshes(ground: _Ground, ending: _Ends, rings: KeyRings, tokens: Tokens, sessions: Sessions) -> Refreshes:
    return Refreshes(
        store=ground.store,
        rings=rings,
        tokens=tokens,
        sessions=sessions,
        ends=ending.ends,
        audit=ground.audit,
        clock=ground.time,
    )


def _entry(ground: _Ground, ending: _Ends, actors: Actors, sessions: Sessions) -> _Entry:
    db, log, facts, time = ground.db, ground.audit, ground.facts, ground.time
    records = PasswordRecords(db, ground.accounts, ground.hasher, log, time, realms=ground.realms, ends=ending.ends)
    throttling = Throttling(ground.store, db, ground.seals, time)
    settings = ground.settings
    mailer = Mailer(lambda: mail_port(settings.mail, settings.project, time), log)
    notices = Notices(mailer, settings.server.public_url, time)
    users = Users(db, ground.accounts, records, log, time, ends=ending.ends, notices=notices)
    resets = PasswordResets(
        records=records,
        throttling=throttling,
        store=ground.store,
        seals=ground.seals,
        mailer=mailer,
        notices=notices,
        actors=actors,
        db=db,
        audit=log,
        clock=time,
    )
    return _Entry(
        users=users,
        throttling=throttling,
        mailer=mailer,
        notices=notices,
        credentials=Credentials(
            records=records,
            users=users,
            throttling=throttling,
            facts=facts,
            notices=notices,
            db=db,
            audit=log,
            clock=time,
        ),
        passwords=Passwords(
            records=records,
            throttling=throttling,
            actors=actors,
            sessions=sessions,
            realms=ground.realms,
            resets=resets,
            notices=notices,
            db=db,
            audit=log,
            clock=time,
        ),
    )


def _ends(ground: _Ground) -> _Ends:
    db, store, log, journal, time = ground.db, ground.store, ground.audit, ground.journal, ground.time
    ends = Ends(store=store, journal=journal, audit=log, db=db, accounts=ground.accounts, clock=time)
    activity = Activity(time)
    ends.listen(activity.abort)
    return _Ends(
        ends=ends,
        watch=StoreWatch(store=store, db=db, journal=journal, clock=time),
        drops=Drops(store=store, ends=ends, audit=log, db=db, clock=time),
        activity=activity,
    )


def _upkeep(ground: _Ground, ending: _Ends, chores: Sequence[Chore], uses: TokenUses) -> Upkeep:
    store, journal, time, watch = ground.store, ground.journal, ground.time, ending.watch
    replay = Replay(store=store, journal=journal, clock=time)
    return Upkeep(
        watch=watch,
        sweeper=Sweeper(store=store, journal=journal, store_time=watch.time, clock=time),
        drops=ending.drops,
        ends=ending.ends,
        leases=Leases(ground.db, time),
        chores=(replay.unfinished, *chores),
        db=ground.db,
        uses=uses,
        clock=time,
    )


def _sessions(ground: _Ground, ending: _Ends, keys: SessionKeys) -> Sessions:
    return Sessions(
        store=ground.store,
        facts=ground.facts,
        ends=ending.ends,
        watch=ending.watch,
        audit=ground.audit,
        realms=ground.realms,
        clock=ground.time,
        settings=ground.settings.sessions,
        scripts=ground.settings.project / "scripts",
        keys=keys,
    )


def _tokens(ground: _Ground, rings: KeyRings, keys: SessionKeys) -> Tokens:
    return Tokens(
        public_url=ground.settings.server.public_url,
        installation=ground.db.installation,
        rings=rings,
        session_keys=keys,
        facts=ground.facts,
        store=ground.store,
        clock=ground.time,
    )


def _federation(ground: _Ground, entry: _Entry, grants: Grants, sessions: Sessions, logins: Logins) -> Federation:
    return federate(
        db=ground.db,
        facts=ground.facts,
        audit=ground.audit,
        clock=ground.time,
        seals=ground.seals,
        store=ground.store,
        realms=ground.realms,
        users=entry.users,
        grants=grants,
        sessions=sessions,
        logins=logins,
        credentials=entry.credentials,
    )
