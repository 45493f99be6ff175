"""Puts together what lets people in through identity providers."""

from __future__ import annotations

from dataclasses import dataclass

from sojourn.core.clock import Clock
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.users import Users
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.keys.seals import Seals
from sojourn.engine.login import Logins
from sojourn.engine.passwords.credentials import Credentials
from sojourn.engine.providers.accounts import ProviderAccounts
from sojourn.engine.providers.external import ExternalIdentities
from sojourn.engine.providers.login import ProviderLogins
from sojourn.engine.providers.pending import PendingLogins
from sojourn.engine.providers.providers import Providers
from sojourn.engine.providers.sessions import ProviderSessions
from sojourn.engine.realms import Realms
from sojourn.engine.sessions import Sessions
from sojourn.outbound.guard import Guard
from sojourn.stores.base import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    """Identity providers, and who comes through them."""

    providers: Providers
    #: Which identities there belong to which accounts here.
    external: ExternalIdentities
    sessions: ProviderSessions
    logins: ProviderLogins


def federate(
    *,
    db: EngineDatabase,
    facts: Facts,
    audit: Audit,
    clock: Clock,
    seals: Seals,
    store: SessionStore,
    realms: Realms,
    users: Users,
    grants: Grants,
    sessions: Sessions,
    logins: Logins,
    credentials: Credentials,
) -> Federation:
    """The parts over those of the engine."""
    providers = Providers(db=db, facts=facts, audit=audit, clock=clock, seals=seals, guard=Guard())
    external = ExternalIdentities(db, audit, clock)
    bound = ProviderSessions(db=db, sessions=sessions, realms=realms, audit=audit, clock=clock)
    entry = ProviderLogins(
        providers=providers,
        accounts=ProviderAccounts(external=external, users=users, grants=grants, facts=facts),
        external=external,
        sessions=sessions,
        bound_sessions=bound,
        pending=PendingLogins(store, seals, clock),
        logins=logins,
        credentials=credentials,
        audit=audit,
        clock=clock,
    )
    return Federation(providers=providers, external=external, sessions=bound, logins=entry)
