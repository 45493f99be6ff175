"""API keys of the gateway: who may call the pipelines of a realm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Insert, Select, insert, select, update

from sojourn.core.clock import Clock
from sojourn.core.errors import BadRequest, Conflict, NotFound
from sojourn.core.ids import secret_hash
from sojourn.core.prefixed import is_prefixed, new_prefixed
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.model.realm import Realm
from sojourn.model.user import fold

PREFIX = "sjk_"

MAX_NAME = 100

_table, _opens = schema.api_key, schema.api_key_pipeline


class BadApiKeyName(BadRequest):
    """The name of an API key, and of a pipeline, has 1-100 printable characters and no blank at its ends."""

    code = "apikey.bad_name"


class ApiKeyExists(Conflict):
    """There is an API key of that name in this realm."""

    code = "apikey.exists"


class ApiKeyUnknown(NotFound):
    """There is no such API key in this realm."""

    code = "apikey.unknown"


class ApiKey(NamedTuple):
    """One live key, without its secret."""

    key: int
    #: The consumer's name.
    name: str
    #: Immutable id of its realm.
    realm_id: str
    #: Names of the pipelines that it opens; empty = every pipeline of the realm.
    pipelines: frozenset[str]


class NewApiKey(NamedTuple):
    """A key with its secret, which is never shown again."""

    api_key: ApiKey
    text: str


def is_api_key(text: str) -> bool:
    """Whether ``text`` has the form of an API key and its checksum fits; it may still be unknown or revoked."""
    return is_prefixed(text, PREFIX)


class ApiKeys:
    """Makes, lists and revokes keys. To check one is the business of :class:`sojourn.engine.facts.Facts`."""

    def __init__(self, db: EngineDatabase, audit: Audit, clock: Clock) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def add(self, name: str, realm: Realm, pipelines: Iterable[str] = (), *, actor: str = "") -> NewApiKey:
        """Make a key; without ``pipelines`` it opens all of the realm. Raises ``BadApiKeyName``, ``ApiKeyExists``."""
        text, opens = new_prefixed(PREFIX), frozenset(pipelines)
        if not all(map(_is_name, (name, *opens))):
            raise BadApiKeyName
        audited = self._audited("created", name, realm.id, actor)

        def work(connection: Connection) -> int:
            if connection.execute(_live(realm.id).where(_table.c.live_name == fold(name))).first():
                raise ApiKeyExists
            values = {"realm": realm.id, "name": name, "live_name": fold(name), "created": self._clock.now()}
            made = insert(_table).values(digest=secret_hash(text), **values).returning(_table.c.key)
            key: int = connection.execute(made).scalar_one()
            for pipeline in sorted(opens):
                connection.execute(insert(_opens).values(api_key=key, pipeline=pipeline))
            connection.execute(audited)
            return key

        return NewApiKey(ApiKey(await self._db.write(work), name, realm.id, opens), text)

    async def list(self, realm: Realm) -> Sequence[ApiKey]:
        """The live keys of ``realm``, oldest first."""
        return await self._db.read(lambda connection: _listed(connection, realm.id))

    async def revoke(self, realm: Realm, name_or_key: str | int, *, actor: str = "") -> ApiKey:
        """Refuse a key from the next request on; its name is free again. Raises ``ApiKeyUnknown``."""

        def work(connection: Connection) -> ApiKey:
            for found in _listed(connection, realm.id):
                if name_or_key == found.key or fold(str(name_or_key)) == fold(found.name):
                    gone = update(_table).where(_table.c.key == found.key)
                    connection.execute(gone.values(live_name=None, revoked=self._clock.now()))
                    connection.execute(self._audited("revoked", found.name, realm.id, actor))
                    return found
            raise ApiKeyUnknown

        return await self._db.write(work)

    def _audited(self, act: str, name: str, realm_id: str, actor: str) -> Insert:
        detail = {"act": act, "apiKey": name}
        return self._audit.row("API_KEY_CHANGE", realm=realm_id, outcome="ok", actor=actor, detail=detail)


def _is_name(text: str) -> bool:
    return 0 < len(text) <= MAX_NAME and text == text.strip() and text.isprintable()


def _live(realm_id: str) -> Select[int, str]:
    wanted = (_table.c.realm == realm_id, _table.c.live_name.is_not(None))
    return select(_table.c.key, _table.c.name).where(*wanted).order_by(_table.c.key)


def _listed(connection: Connection, realm_id: str) -> Sequence[ApiKey]:
    opens: dict[int, set[str]] = {}
    pairs = select(_opens.c.api_key, _opens.c.pipeline).join(_table).where(_table.c.realm == realm_id)
    for key, pipeline in connection.execute(pairs):
        opens.setdefault(key, set()).add(pipeline)
    rows = connection.execute(_live(realm_id)).all()
    return [ApiKey(row.key, row.name, realm_id, frozenset(opens.get(row.key, ()))) for row in rows]
