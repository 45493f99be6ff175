"""Sessions, and every handle that leads to one."""

from __future__ import annotations

from dataclasses import dataclass

from sojourn.engine.accounts.grants import Grants
from sojourn.engine.assembly.ending import Ending
from sojourn.engine.assembly.entry import Entry, assemble_entry
from sojourn.engine.assembly.ground import Ground
from sojourn.engine.identities import Identities
from sojourn.engine.keys.rings import KeyRings
from sojourn.engine.keys.session_keys import SessionKeys
from sojourn.engine.login import Logins
from sojourn.engine.providers.federation import Federation, federate
from sojourn.engine.security.actors import Actors
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens.access_tokens import Tokens
from sojourn.engine.tokens.authtokens import AuthTokens
from sojourn.engine.tokens.bearers import Bearers
from sojourn.engine.tokens.inspection import Inspection
from sojourn.engine.tokens.refresh import Refreshes
from sojourn.engine.tokens.script_scopes import ScriptFiles
from sojourn.engine.tokens.uses import TokenUses


@dataclass(frozen=True, slots=True, kw_only=True)
class Handles:
    """Sessions, the handles that lead to them, and the ways to get one."""

    sessions: Sessions
    logins: Logins
    identities: Identities
    federation: Federation
    keys: KeyRings
    tokens: Tokens
    auth_tokens: AuthTokens
    token_uses: TokenUses
    bearers: Bearers
    refreshes: Refreshes
    inspection: Inspection


def assemble_handles(ground: Ground, ending: Ending, actors: Actors, grants: Grants) -> tuple[Handles, Entry]:
    """Sessions and all that opens them; who may come in with a password beside it, because each needs the other."""
    db, log, facts, time = ground.db, ground.audit, ground.facts, ground.time
    rings, keys = KeyRings(db, facts, ground.seals, time), SessionKeys(ground.seals)
    sessions, tokens, uses = _sessions(ground, ending, keys), _tokens(ground, rings, keys), TokenUses(db, log, time)
    entry = assemble_entry(ground, ending, actors, sessions)
    logins = Logins(credentials=entry.credentials, sessions=sessions, audit=log, clock=time)
    refreshes = _refreshes(ground, ending, rings, tokens, sessions)
    auth_tokens = AuthTokens(
        db=db, actors=actors, scripts=sessions.transients.scripts, ends=ending.ends, audit=log, clock=time
    )
    federation = _federation(ground, entry, grants, sessions, logins)
    handles = Handles(
        sessions=sessions,
        logins=logins,
        federation=federation,
        keys=rings,
        tokens=tokens,
        auth_tokens=auth_tokens,
        token_uses=uses,
        refreshes=refreshes,
        bearers=Bearers(tokens=tokens, sessions=sessions, uses=uses, logins=logins, facts=facts, clock=time),
        inspection=Inspection(
            tokens=tokens,
            sessions=sessions,
            refreshes=refreshes,
            auth_tokens=auth_tokens,
            ends=ending.ends,
            audit=log,
            clock=time,
        ),
        identities=Identities(
            logins=logins, sessions=sessions, uses=uses, through=federation.logins, audit=log, clock=time
        ),
    )
    return handles, entry


def _refreshes(ground: Ground, ending: Ending, rings: KeyRings, tokens: Tokens, sessions: Sessions) -> Refreshes:
    return Refreshes(
        store=ground.store,
        rings=rings,
        tokens=tokens,
        sessions=sessions,
        ends=ending.ends,
        audit=ground.audit,
        clock=ground.time,
    )


def _sessions(ground: Ground, ending: Ending, keys: SessionKeys) -> Sessions:
    return Sessions(
        store=ground.store,
        facts=ground.facts,
        ends=ending.ends,
        watch=ending.watch,
        audit=ground.audit,
        realms=ground.realms,
        clock=ground.time,
        settings=ground.settings.sessions,
        scripts=ScriptFiles(ground.files),
        keys=keys,
        busy=ending.activity.executes,
    )


def _tokens(ground: Ground, rings: KeyRings, keys: SessionKeys) -> Tokens:
    return Tokens(
        public_url=ground.settings.server.public_url,
        installation=ground.db.installation,
        rings=rings,
        session_keys=keys,
        facts=ground.facts,
        store=ground.store,
        clock=ground.time,
    )


def _federation(ground: Ground, entry: Entry, grants: Grants, sessions: Sessions, logins: Logins) -> Federation:
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
