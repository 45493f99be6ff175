"""Identity providers of the project: which there are, which are enabled, and how this engine is their client.

What a provider is stands in its file; whether it is enabled, and the secret of the client where no file holds it, in the
engine database, so that a disabled one is disabled in every process from the next request on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from sojourn.config.project import ProviderFile
from sojourn.core.clock import Clock
from sojourn.core.errors import BadRequest, Forbidden, NotFound, Unavailable
from sojourn.core.json import Json
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.facts import Facts
from sojourn.engine.keys.sealed import bound_client_secret
from sojourn.engine.keys.seals import Seals
from sojourn.engine.security.actors import Actor
from sojourn.identity.oidc.client import OidcClient, Report
from sojourn.model.provider import ProviderConfig
from sojourn.model.realm import Realm
from sojourn.outbound.guard import Guard

_table = schema.identity_provider

_LONGEST_SECRET = 1_000


class ProviderUnknown(NotFound):
    """There is no such identity provider."""

    code = "provider.unknown"


class ProviderDisabled(Forbidden):
    """This identity provider is disabled."""

    code = "provider.disabled"


class SecretMissing(Unavailable):
    """The engine cannot show the identity provider who it is."""

    code = "provider.no_secret"


class BadSecret(BadRequest):
    """A client secret has 1-1000 printable characters."""

    code = "provider.bad_secret"


class Provider(NamedTuple):
    """One provider as it is now."""

    #: ``identityProviderKey``; never used twice.
    key: int
    name: str
    enabled: bool
    #: Whether a client secret was given to the engine.
    has_secret: bool
    config: ProviderConfig

    @property
    def title(self) -> str:
        """What people call it."""
        return self.config.title or self.name

    def serves(self, realm: Realm) -> bool:
        """Whether users of ``realm`` may log in through it."""
        return realm.name in self.config.realms


class Providers:
    """The providers of one engine."""

    def __init__(
        self, *, db: EngineDatabase, facts: Facts, audit: Audit, clock: Clock, seals: Seals, guard: Guard
    ) -> None:
        self._db = db
        self._facts = facts
        self._audit = audit
        self._clock = clock
        self._seals = seals
        #: What connects out to them.
        self.guard = guard
        self._files: Mapping[str, ProviderFile] = {}
        self._keys: Mapping[str, int] = {}
        self._clients: dict[int, tuple[ProviderConfig, OidcClient]] = {}

    async def sync(self, files: Mapping[str, ProviderFile], now: int) -> None:
        """Bring rows and memory to ``files`` (name -> file): the sessions of those that are gone end."""
        rows = await self._db.read(_live)
        if {row.live_name: row.issuer for row in rows} != {name: file.config.issuer for name, file in files.items()}:
            rows = await self._db.write(lambda connection: _sync(connection, files, now))
        self._files = dict(files)
        self._keys = {row.live_name: row.key for row in rows}

    async def all(self) -> Sequence[Provider]:
        """All of them, by name."""
        return [await self.get(name) for name in sorted(self._files)]

    async def get(self, name: str) -> Provider:
        """The provider of that name, enabled or not; raises :class:`ProviderUnknown`."""
        file, key = self._files.get(name), self._keys.get(name)
        state = (await (await self._facts.current()).providers()).get(key) if key is not None else None
        if file is None or key is None or state is None:
            raise ProviderUnknown(f"there is no identity provider {name!r}")
        return Provider(key, name, state.enabled, state.has_secret or file.secret is not None, file.config)

    async def serving(self, realm: Realm, name: str) -> Provider:
        """The provider of that name when users of ``realm`` may log in through it now.

        Raises :class:`ProviderUnknown`, :class:`ProviderDisabled`.
        """
        found = await self.get(name)
        if not found.serves(realm):
            raise ProviderUnknown(f"there is no identity provider {name!r}")
        if not found.enabled:
            raise ProviderDisabled
        return found

    async def of_issuer(self, realm: Realm, issuer: str) -> Provider | None:
        """The provider with that issuer through which users of ``realm`` may log in now; None without one."""
        for name, file in self._files.items():
            if file.config.issuer == issuer and realm.name in file.config.realms:
                found = await self.get(name)
                return found if found.enabled else None
        return None

    async def by_key(self, key: int) -> Provider | None:
        """The provider with that key, enabled or not; None when it is no longer one of the project."""
        name = next((name for name, known in self._keys.items() if known == key), None)
        return None if name is None else await self.get(name)

    async def set_enabled(self, name: str, *, enabled: bool, actor: Actor) -> Provider:
        """Enable or disable; disabling ends every session that was logged in through it, from the next check on.

        Who may, the callers decide. Raises :class:`ProviderUnknown`.
        """
        found = await self.get(name)

        def work(connection: Connection) -> None:
            values: dict[str, object] = {"enabled": enabled}
            if not enabled:
                values |= {"not_before": self._clock.now(), "ended_actor": actor.name}
            connection.execute(update(_table).where(_table.c.key == found.key).values(**values))
            self._audited(connection, "enabled" if enabled else "disabled", name, actor)

        await self._db.write(work)
        return await self.get(name)

    async def set_secret(self, name: str, secret: str, actor: Actor) -> None:
        """Keep the client secret, sealed under the master key. Raises :class:`ProviderUnknown`, :class:`BadSecret`."""
        found = await self.get(name)
        if not 0 < len(secret) <= _LONGEST_SECRET or not secret.isprintable():
            raise BadSecret

        def work(connection: Connection) -> None:
            sealed = self._seals.seal(connection, secret.encode(), self._bound_to(found.key))
            connection.execute(update(_table).where(_table.c.key == found.key).values(sealed_secret=sealed))
            self._audited(connection, "secret", name, actor)

        await self._db.write(work)

    async def secret(self, provider: Provider) -> str:
        """The client secret, empty for a public client; raises :class:`SecretMissing`."""
        if provider.config.client_authentication == "none":
            return ""
        file = self._files[provider.name].secret
        if file is not None:
            return _read_secret(file)
        wanted = select(_table.c.sealed_secret).where(_table.c.key == provider.key)
        sealed = await self._db.read(lambda connection: connection.execute(wanted).scalar_one_or_none())
        if sealed is None:
            raise SecretMissing(f"the identity provider {provider.name!r} has no client secret yet")
        return self._seals.open(sealed, self._bound_to(provider.key)).decode()

    def client(self, provider: Provider) -> OidcClient:
        """This engine as its client; the same object while its configuration is, so that keys are not read again."""
        known = self._clients.get(provider.key)
        if known is None or known[0] != provider.config:
            known = provider.config, OidcClient(provider.config, self.guard, self._clock)
            self._clients[provider.key] = known
        return known[1]

    async def test(self, name: str) -> Report:
        """Ask the provider for its metadata and keys, and look for the secret.

        Raises :class:`ProviderUnknown`, :class:`SecretMissing`, ``ProviderFailed``, ``OutboundFailed``.
        """
        provider = await self.get(name)
        await self.secret(provider)
        return await self.client(provider).look()

    def _bound_to(self, key: int) -> str:
        return bound_client_secret(self._db.installation, key)

    def _audited(self, connection: Connection, act: str, name: str, actor: Actor) -> None:
        detail: dict[str, Json] = {"act": act, "provider": name}
        connection.execute(self._audit.row("PROVIDER_CHANGE", realm="", outcome="ok", detail=detail, **actor.audited))


def _live(connection: Connection) -> Sequence[Row[int, str, str]]:
    wanted = select(_table.c.key, _table.c.live_name, _table.c.issuer).where(_table.c.live_name.is_not(None))
    return connection.execute(wanted).all()


def _sync(connection: Connection, files: Mapping[str, ProviderFile], now: int) -> Sequence[Row[int, str, str]]:
    known = {row.live_name: row for row in _live(connection)}
    # Another issuer is another provider, whatever its file is called.
    same = {name for name in known.keys() & files.keys() if known[name].issuer == files[name].config.issuer}
    for name in known.keys() - same:
        gone = update(_table).where(_table.c.key == known[name].key)
        connection.execute(gone.values(live_name=None, enabled=False, not_before=now, sealed_secret=None))
    for name in sorted(files.keys() - same):
        config = files[name].config
        values = {"name": name, "live_name": name, "issuer": config.issuer, "enabled": config.enabled}
        connection.execute(insert(_table).values(**values, created=now))
    return _live(connection)


def _read_secret(file: Path) -> str:
    try:
        if file.stat().st_mode & 0o077:
            raise SecretMissing(f"{file} may be read by others; make its mode 0600")
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMissing(f"the client secret {file} cannot be read") from error
    if not 0 < len(text) <= _LONGEST_SECRET or not text.isprintable():
        raise SecretMissing(f"{file} holds no client secret")
    return text
