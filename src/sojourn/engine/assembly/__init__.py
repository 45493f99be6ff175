"""Puts the rules of one engine together: which part stands on which."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from sojourn.config.settings import Settings
from sojourn.core.clock import Clock, StoreClock
from sojourn.core.crypto import MasterKey
from sojourn.core.masterkey import MasterKeyFile
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.records import Accounts, AccountSeal
from sojourn.engine.assembly.ending import Ending, assemble_ending, assemble_upkeep
from sojourn.engine.assembly.entry import Entry
from sojourn.engine.assembly.ground import Ground
from sojourn.engine.assembly.handles import Handles, assemble_handles
from sojourn.engine.attest import Attest
from sojourn.engine.audit.keeping import AuditKeeping
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.facts import Facts
from sojourn.engine.files.files import files_of
from sojourn.engine.keys.apikeys import ApiKeys
from sojourn.engine.keys.life import KeyLife
from sojourn.engine.keys.seals import Seals
from sojourn.engine.keys.secrets import Secrets
from sojourn.engine.leases import Leases
from sojourn.engine.realms import Realms
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import Actors
from sojourn.engine.security.rights import Rights
from sojourn.engine.tokens.keeping import TokenKeeping
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
    master_file: MasterKeyFile | None = None,
) -> Rules:
    """The rules over ``db`` and ``store``; ``clock`` is this machine's, all parts go by the store's time.

    ``master_file`` is where the master key lies; without it nobody can change it.
    """
    time = StoreClock(clock)
    log = audit(db, time)
    accounts, realms = Accounts(AccountSeal(), time), Realms(db)
    facts = Facts(db, accounts.seal, time)
    ground = Ground(
        settings=settings,
        db=db,
        store=store,
        seals=Seals(db, master, log, file=master_file),
        hasher=hasher,
        time=time,
        audit=log,
        accounts=accounts,
        facts=facts,
        realms=realms,
        journal=EndJournal(db),
        files=files_of(settings, db=db, facts=facts, realms=realms, audit=log, clock=time),
    )
    return _rules(ground, assemble_ending(ground))


def _rules(ground: Ground, ending: Ending) -> Rules:
    """All of it; what is done beside serving comes last."""
    db, log, time = ground.db, ground.audit, ground.time
    actors, grants = Actors(ground.facts), Grants(db, log, time)
    handles, entry = assemble_handles(ground, ending, actors, grants)
    life = KeyLife(rings=handles.keys, realms=ground.realms, ends=ending.ends, audit=log, db=db, clock=time)
    keeping = AuditKeeping(db=db, audit=log, settings=ground.settings.audit, clock=time)
    token_keeping = TokenKeeping(db=db, settings=ground.settings.audit, clock=time)
    attest = Attest(
        db=db, users=entry.users, rings=handles.keys, tokens=handles.tokens, ends=ending.ends, audit=log, clock=time
    )
    leases = Leases(db, time)
    chores = (keeping.round, token_keeping.tend, life.tend, attest.tidy)
    return Rules(
        **_parts(handles),
        **_parts(entry),
        **_parts(ending),
        settings=ground.settings,
        clock=time,
        hasher=ground.hasher,
        leases=leases,
        db=db,
        store=ground.store,
        realms=ground.realms,
        facts=ground.facts,
        accounts=ground.accounts,
        seals=ground.seals,
        journal=ground.journal,
        files=ground.files,
        audit=log,
        actors=actors,
        grants=grants,
        rights=Rights(ground.realms),
        api_keys=ApiKeys(db, log, time),
        secrets=Secrets(ground.seals, db),
        providers=handles.federation.providers,
        key_life=life,
        audit_keeping=keeping,
        token_keeping=token_keeping,
        attest=attest,
        upkeep=assemble_upkeep(ground, ending, leases, chores, handles.token_uses),
    )


def _parts(group: Handles | Entry | Ending) -> dict[str, Any]:
    """The parts of a group under the names that they have in ``Rules`` too."""
    return {field.name: getattr(group, field.name) for field in fields(group)}
