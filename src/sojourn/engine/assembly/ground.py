"""What every part of an engine stands on."""

from __future__ import annotations

from dataclasses import dataclass

from sojourn.config.settings import Settings
from sojourn.core.clock import StoreClock
from sojourn.engine.accounts.records import Accounts
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.ends.journal import EndJournal
from sojourn.engine.facts import Facts
from sojourn.engine.files.files import Files
from sojourn.engine.keys.seals import Seals
from sojourn.engine.realms import Realms
from sojourn.identity.password import PasswordHasher
from sojourn.stores.base import SessionStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
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
    files: Files
