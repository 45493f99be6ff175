"""What commands do before or beside an engine: make it, look whether somebody else has written its accounts."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.bootstrap.backends import open_database, sealed
from sojourn.config.settings import Settings
from sojourn.core.clock import SystemClock
from sojourn.core.crypto import write_master_key
from sojourn.engine.accounts.adoption import tampered
from sojourn.engine.accounts.records import Accounts, AccountSeal


async def install(settings: Settings) -> None:
    """Make what only ``init`` and ``demo`` make: the engine database and the master key, where there is none yet."""
    database = await open_database(settings)
    try:
        write_master_key(settings.master_key_path(database.installation))
    finally:
        await database.close()


async def tampered_accounts(settings: Settings) -> Sequence[str]:
    """The accounts whose record was changed from outside, as ``directory/name``. Raises ``MasterKeyMissing``."""
    async with sealed(settings) as (database, seals):
        accounts = Accounts(AccountSeal(), SystemClock())
        await accounts.seal.start(seals)
        return await tampered(database, accounts)
