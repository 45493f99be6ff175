"""All rules of one running engine, as ``assembly`` puts them together and everything above uses them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sojourn.config.settings import Settings
from sojourn.core.clock import Clock
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.records import Accounts
from sojourn.engine.accounts.users import Users
from sojourn.engine.activity import Activity
from sojourn.engine.attest import Attest
from sojourn.engine.audit.keeping import AuditKeeping
from sojourn.engine.audit.log import Audit
from sojourn.engine.control import Control
from sojourn.engine.database import EngineDatabase
from sojourn.engine.ends.drops import Drops
from sojourn.engine.ends.ends import Ends
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.facts import Facts
from sojourn.engine.files.files import Files
from sojourn.engine.identities import Identities
from sojourn.engine.keys.apikeys import ApiKeys
from sojourn.engine.keys.life import KeyLife
from sojourn.engine.keys.rings import KeyRings
from sojourn.engine.keys.seals import Seals
from sojourn.engine.keys.secrets import Secrets
from sojourn.engine.leases import Leases
from sojourn.engine.login import Logins
from sojourn.engine.passwords.credentials import Credentials
from sojourn.engine.passwords.mailing import Mailer
from sojourn.engine.passwords.notices import Notices
from sojourn.engine.passwords.passwords import Passwords
from sojourn.engine.passwords.throttling import Throttling
from sojourn.engine.providers.federation import Federation
from sojourn.engine.providers.providers import Providers
from sojourn.engine.realms import Realms
from sojourn.engine.security.actors import Actors
from sojourn.engine.security.rights import Rights
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens.access_tokens import Tokens
from sojourn.engine.tokens.authtokens import AuthTokens
from sojourn.engine.tokens.bearers import Bearers
from sojourn.engine.tokens.inspection import Inspection
from sojourn.engine.tokens.keeping import TokenKeeping
from sojourn.engine.tokens.refresh import Refreshes
from sojourn.engine.tokens.uses import TokenUses
from sojourn.engine.upkeep import Upkeep
from sojourn.engine.watch.watch import StoreWatch
from sojourn.identity.password import PasswordHasher
from sojourn.stores.base import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The parts that decide; each has its own page."""

    settings: Settings
    clock: Clock
    hasher: PasswordHasher
    leases: Leases
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
    token_keeping: TokenKeeping
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
    files: Files
    activity: Activity
    ends: Ends
    watch: StoreWatch
    drops: Drops
    upkeep: Upkeep
    control: Control = field(default_factory=Control)
