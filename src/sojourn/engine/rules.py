"""All rules of one running engine, as ``assembly`` puts them together and everything above uses them."""

from __future__ import annotations

from dataclasses import dataclass

from sojourn.config.settings import Settings
from sojourn.core.clock import Clock
from sojourn.engine.accounts import Accounts
from sojourn.engine.activity import Activity
from sojourn.engine.actors import Actors
from sojourn.engine.apikeys import ApiKeys
from sojourn.engine.attest import Attest
from sojourn.engine.audit import Audit
from sojourn.engine.audit_keeping import AuditKeeping
from sojourn.engine.authtokens import AuthTokens
from sojourn.engine.bearers import Bearers
from sojourn.engine.credentials import Credentials
from sojourn.engine.database import EngineDatabase
from sojourn.engine.drops import Drops
from sojourn.engine.ends import Ends
from sojourn.engine.facts import Facts
from sojourn.engine.federation import Federation
from sojourn.engine.grants import Grants
from sojourn.engine.identities import Identities
from sojourn.engine.inspection import Inspection
from sojourn.engine.journal import EndJournal
from sojourn.engine.keylife import KeyLife
from sojourn.engine.keys import KeyRings
from sojourn.engine.login import Logins
from sojourn.engine.mailing import Mailer
from sojourn.engine.notices import Notices
from sojourn.engine.passwords import Passwords
from sojourn.engine.providers import Providers
from sojourn.engine.realms import Realms
from sojourn.engine.refresh import Refreshes
from sojourn.engine.rights import Rights
from sojourn.engine.seals import Seals
from sojourn.engine.secrets import Secrets
from sojourn.engine.sessions import Sessions
from sojourn.engine.throttling import Throttling
from sojourn.engine.token_uses import TokenUses
from sojourn.engine.tokens import Tokens
from sojourn.engine.upkeep import Upkeep
from sojourn.engine.users import Users
from sojourn.engine.watch import StoreWatch
from sojourn.stores.base import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The parts that decide; each has its own page."""

    settings: Settings
    clock: Clock
    db: EngineDatabase
    store: SessionStore
    realms: Realms
    facts: Facts
    actors: Actors
    rights: Rights
    accounts: Accounts
    users: Users
    passwords: Passwords
    credentials: Credentials
    throttling: Throttling
    mailer: Mailer
    notices: Notices
    grants: Grants
    api_keys: ApiKeys
    keys: KeyRings
    key_life: KeyLife
    seals: Seals
    secrets: Secrets
    tokens: Tokens
    auth_tokens: AuthTokens
    token_uses: TokenUses
    bearers: Bearers
    identities: Identities
    providers: Providers
    refreshes: Refreshes
    federation: Federation
    inspection: Inspection
    sessions: Sessions
    logins: Logins
    attest: Attest
    audit: Audit
    audit_keeping: AuditKeeping
    journal: EndJournal
    activity: Activity
    ends: Ends
    watch: StoreWatch
    drops: Drops
    upkeep: Upkeep
