"""Opens what the engine stands on: the only module that names a concrete backend.

A backend is imported when it is needed: most commands and many engines never need most of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from sojourn.config.addresses import parse_store_url
from sojourn.config.settings import Settings
from sojourn.core.clock import SystemClock
from sojourn.core.errors import StoreUnavailable
from sojourn.core.masterkey import MasterKeyFile
from sojourn.data.databases import Databases
from sojourn.data.errors import DatabaseUnavailable
from sojourn.data.port import Backend
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.keys.seals import Seals
from sojourn.engine.rules import Rules
from sojourn.scripting.runtime import Runtime
from sojourn.stores.base import SessionStore
from sojourn.stores.memory import MemoryStore
from sojourn.stores.sqlite import SqliteStore


async def open_store(url: str, project: Path = Path()) -> SessionStore:
    """The session store behind ``url``: ``memory://``, ``sqlite:///FILE`` (relative to ``project``), ``postgresql://…``,
    ``valkey://…``.

    Raises ``BadAddress`` for any other URL, ``StoreUnavailable``, ``StoreVersion``, ``StoreCorrupt``.
    """
    place = parse_store_url("session", url, project)
    if place.scheme == "valkey":
        return await _open_valkey(url)
    if place.scheme == "postgresql":
        return await _open_postgres(url)
    if place.path is None:
        return MemoryStore()
    _make_private_folder(place.path.parent)
    return await SqliteStore.open(place.path)


async def _open_valkey(url: str) -> SessionStore:
    try:
        from sojourn.stores.valkey import ValkeyStore
    except ImportError as error:
        raise StoreUnavailable("a store on Valkey or Redis needs one more package: install sojourn[valkey]") from error
    return await ValkeyStore.open(url)


async def _open_postgres(url: str) -> SessionStore:
    try:
        from sojourn.stores.postgres import PostgresStore
    except ImportError as error:
        raise StoreUnavailable("a store on PostgreSQL needs one more package: install sojourn[postgres]") from error
    return await PostgresStore.open(url)


async def open_database(settings: Settings) -> EngineDatabase:
    """The engine database. Raises as ``EngineDatabase.open``."""
    place = settings.engine_store
    if place.path is not None:
        _make_private_folder(place.path.parent)
    return await EngineDatabase.open(settings.stores.engine, settings.project)


def _make_private_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"the folder of a store cannot be made: {error.strerror}") from error


@asynccontextmanager
async def sealed(settings: Settings) -> AsyncIterator[tuple[EngineDatabase, Seals]]:
    """The engine database and what it has sealed, for a command. Raises ``MasterKeyMissing``."""
    database = await open_database(settings)
    try:
        file = MasterKeyFile(settings.master_key_path(database.installation))
        seals = Seals(database, file.read()[0], Audit(database, SystemClock()), file=file)
        await seals.start()
        yield database, seals
    finally:
        await database.close()


def open_databases(settings: Settings, rules: Rules | None = None) -> Databases:
    """The databases of the application, none of them open yet; a command has no ``rules``."""
    urls = settings.database_urls
    return Databases({name: partial(_open_application, settings, rules, name, url) for name, url in urls.items()})


async def _open_application(settings: Settings, rules: Rules | None, name: str, url: str) -> Backend:
    place, engine = parse_store_url("application", url, settings.project), settings.engine_store
    if place.path is None:
        return await _open_application_on_postgres(settings, rules, name, url)
    from sojourn.data.sqlite.backend import SqliteBackend

    _make_private_folder(place.path.parent)
    return await SqliteBackend.open(name, place.path, engine=engine.path)


async def _open_application_on_postgres(settings: Settings, rules: Rules | None, name: str, url: str) -> Backend:
    try:
        from sojourn.data.postgres.backend import PostgresBackend
    except ImportError as error:
        message = "a database of the application on PostgreSQL needs one more package: install sojourn[postgres]"
        raise DatabaseUnavailable(message) from error
    secret, installation = await readers_secret(settings, rules)
    return await PostgresBackend.open(name, url, secret=secret, installation=installation)


async def readers_secret(settings: Settings, rules: Rules | None = None) -> tuple[bytes, str]:
    """From which the passwords of the readers on PostgreSQL follow, and the id of the engine.

    Raises ``MasterKeyMissing``.
    """
    from sojourn.data.postgres.backend import SECRET

    if rules is not None:
        return await rules.seals.secret(SECRET), rules.db.installation
    async with sealed(settings) as (database, seals):
        return await seals.secret(SECRET), database.installation


async def open_ije() -> Runtime:
    """The runtime ``ije``. Raises ``RuntimeMissing``."""
    from sojourn.scripting.ije import open_runtime

    return await open_runtime()


async def open_v8() -> Runtime:
    """The runtime ``v8``. Raises ``RuntimeMissing``."""
    from sojourn.scripting.v8 import open_runtime

    return await open_runtime()
