"""Puts the rules of one engine together: which part stands on which."""

from __future__ import annotations

from sojourn.config.settings import Settings
from sojourn.core.clock import Clock, StoreClock
from sojourn.core.crypto import MasterKey
from sojourn.engine.activity import Activity
from sojourn.engine.actors import Actors
from sojourn.engine.apikeys import ApiKeys
from sojourn.engine.audit import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.drops import Drops
from sojourn.engine.ends import Ends
from sojourn.engine.facts import Facts
from sojourn.engine.grants import Grants
from sojourn.engine.journal import EndJournal
from sojourn.engine.keys import KeyRings
from sojourn.engine.leases import Leases
from sojourn.engine.login import Logins
from sojourn.engine.realms import Realms
from sojourn.engine.replay import Replay
from sojourn.engine.rules import Rules
from sojourn.engine.sessions import Sessions
from sojourn.engine.sweeper import Sweeper
from sojourn.engine.tokens import Tokens
from sojourn.engine.upkeep import Upkeep
from sojourn.engine.users import Users
from sojourn.engine.watch import StoreWatch
from sojourn.identity.password import PasswordHasher
from sojourn.stores.base import SessionStore


def assemble(
    *,
    settings: Settings,
    db: EngineDatabase,
    store: SessionStore,
    clock: Clock,
    master: MasterKey,
    hasher: PasswordHasher,
    audit: type[Audit] = Audit,
) -> Rules:
    """The rules over ``db`` and ``store``; ``clock`` is this machine's, all parts go by the store's time."""
    time = StoreClock(clock)
    log, facts, journal = audit(db, time), Facts(db, time), EndJournal(db)
    realms, rings = Realms(db), KeyRings(db, facts, master, time)
    ends = Ends(store=store, journal=journal, audit=log, db=db, clock=time)
    watch = StoreWatch(store=store, db=db, journal=journal, clock=time)
    users = Users(db, hasher, log, time, ends)
    sessions = Sessions(
        store=store,
        facts=facts,
        ends=ends,
        watch=watch,
        audit=log,
        realms=realms,
        clock=time,
        settings=settings.sessions,
    )
    drops = Drops(store=store, ends=ends, audit=log, db=db, clock=time)
    activity = Activity(time)
    ends.listen(activity.abort)
    return Rules(
        settings=settings,
        clock=time,
        db=db,
        store=store,
        realms=realms,
        facts=facts,
        actors=Actors(facts),
        users=users,
        grants=Grants(db, log, time),
        api_keys=ApiKeys(db, log, time),
        keys=rings,
        tokens=Tokens(
            public_url=settings.server.public_url,
            installation=db.installation,
            rings=rings,
            facts=facts,
            store=store,
            clock=time,
        ),
        sessions=sessions,
        logins=Logins(users=users, facts=facts, sessions=sessions, audit=log, clock=time),
        audit=log,
        journal=journal,
        activity=activity,
        ends=ends,
        watch=watch,
        drops=drops,
        upkeep=Upkeep(
            watch=watch,
            sweeper=Sweeper(store=store, journal=journal, store_time=watch.time, clock=time),
            drops=drops,
            ends=ends,
            replay=Replay(store=store, journal=journal, clock=time),
            leases=Leases(db, time),
            db=db,
            clock=time,
        ),
    )
