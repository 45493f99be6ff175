"""The realms of the engine: a folder's name and configuration with the immutable id of its row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, Row, insert, select, update

from sojourn.config.project import RealmFolder
from sojourn.core.clock import HOUR, MINUTE
from sojourn.core.ids import new_token
from sojourn.engine import epochs
from sojourn.engine.database import EngineDatabase, schema
from sojourn.model.realm import Realm, RealmConfig

#: The engine's own realm: operators log in here. No folder can have this name, and no listener but the admin one knows it.
OPERATORS = "~operators"

_OPERATORS = RealmFolder(
    OPERATORS,
    RealmConfig(
        session_tracking_enabled=True,
        session_idle=15 * MINUTE,
        session_lifetime=12 * HOUR,
        token_lifetime=12 * HOUR,
        touch_every=MINUTE,
    ),
    {},
    (),
)

_table = schema.realm


class Realms:
    """Which realms this process serves. A name that comes back after its folder was gone gets a new id."""

    def __init__(self, db: EngineDatabase) -> None:
        self._db = db
        self._by_name: Mapping[str, Realm] = {}
        self._by_id: Mapping[str, Realm] = {}
        self._operators: Realm | None = None
        self._names: frozenset[str] = frozenset()

    @property
    def operators(self) -> Realm:
        """The realm of operators, which is none of the project's: no other method here gives it."""
        assert self._operators is not None
        return self._operators

    async def sync(self, folders: Mapping[str, RealmFolder], now: int) -> None:
        """Bring rows and memory to ``folders`` (name -> folder): new ones get an id, the sessions of gone ones end."""
        folders = {**folders, OPERATORS: _OPERATORS}
        rows = await self._db.read(_live)
        if {row.live_name for row in rows} != set(folders):
            rows = await self._db.write(lambda connection: _sync(connection, folders, now))
        self._names = await self._db.read(lambda connection: frozenset(connection.scalars(select(_table.c.name))))
        by_name = {row.live_name: _realm(row, folders[row.live_name]) for row in rows}
        self._operators = by_name.pop(OPERATORS)
        realms = by_name.values()
        self._by_name = {realm.name: realm for realm in realms}
        self._by_id = {realm.id: realm for realm in realms}

    def get(self, name: str) -> Realm | None:
        """The realm of that name, None when there is none."""
        return self._by_name.get(name)

    def was(self, name: str) -> bool:
        """Whether there is, or ever was, a realm of that name."""
        return name in self._names

    def by_id(self, realm_id: str) -> Realm | None:
        """The realm with that immutable id, None when there is none or it was removed."""
        return self._by_id.get(realm_id)

    def all(self) -> Sequence[Realm]:
        """All realms, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]


def _live(connection: Connection) -> Sequence[Row[int, str, str]]:
    columns = (_table.c.key, _table.c.id, _table.c.live_name)
    # Realms that attest the installation are no folder's, and who made them removes them.
    ours = _table.c.id.not_in(select(schema.attest_realm.c.realm))
    return connection.execute(select(*columns).where(_table.c.live_name.is_not(None), ours)).all()


def _sync(connection: Connection, folders: Mapping[str, RealmFolder], now: int) -> Sequence[Row[int, str, str]]:
    known = {row.live_name: row for row in _live(connection)}
    for name in known.keys() - folders.keys():
        epochs.raise_realm_epoch(connection, known[name].id, "realm-removed")
        gone = update(_table).where(_table.c.id == known[name].id)
        connection.execute(gone.values(live_name=None, removed=now))
    for name in sorted(folders.keys() - known.keys()):
        connection.execute(insert(_table).values(id=new_token(), name=name, live_name=name, created=now))
    return _live(connection)


def _realm(row: Row[int, str, str], folder: RealmFolder) -> Realm:
    return Realm(key=row.key, id=row.id, name=row.live_name, config=folder.config, globals=folder.globals)
