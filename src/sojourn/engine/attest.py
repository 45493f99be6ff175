"""Attestation: realms that the engine makes for ``sojourn attest`` and removes after ten minutes, whatever happens.

A run has three realms with accounts, directories and keys of their own: the one that is examined, another one whose
handles must open nothing in it, and one with limits of seconds. They are no realms of the project: no list shows them,
and to whoever lacks the secret of the run they do not exist. What is not removed by who made it is removed by the
upkeep, or at the next start; past its time a run answers nothing, removed or not.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from sojourn.core import json
from sojourn.core.clock import HOUR, MINUTE, SECOND, Clock
from sojourn.core.errors import BadRequest, NotFound, SojournError, TooManyTries
from sojourn.core.ids import new_token, secret_hash
from sojourn.core.json import Json
from sojourn.engine import epochs
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.accounts.users import Users
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.ends.ends import Ends
from sojourn.engine.keys.rings import KeyRings
from sojourn.engine.security.actors import Actor
from sojourn.engine.tokens.access_tokens import Tokens
from sojourn.identity.compact import read, sign
from sojourn.model.realm import Realm, RealmConfig
from sojourn.model.session import End

#: The scope of who may have a run made over HTTP.
SCOPE: Final = "engine.attest"

#: What the names of these realms begin with.
PREFIX: Final = "attest-"

#: How long a run lasts at most, in milliseconds.
LIFE: Final = 10 * MINUTE

#: Runs that may stand at the same time.
MOST_RUNS: Final = 3

#: Limits of the realm of seconds, in milliseconds.
BRIEF_IDLE: Final = 2 * SECOND
BRIEF_LIFETIME: Final = 5 * SECOND

#: Accounts of the examined realm: who logs in, who is disabled, whose password is tried, whose is changed, and others.
ACCOUNTS: Final = ("user", "leaver", "victim", "changer", "one", "two", "three")

_OTHER, _BRIEF = "-other", "-brief"

_table = schema.attest_realm

#: What may be changed of a token before it is signed again.
Change = Literal["none", "typ", "aud", "iss", "exp", "nbf"]


class RunUnknown(NotFound):
    """There is no such run."""

    code = "attest.unknown"


class Run(NamedTuple):
    """A run as it is told once to who asked for it."""

    #: Name of the examined realm.
    realm: str
    other: str
    brief: str
    #: Value of the header without which these realms do not exist.
    secret: str
    #: Passwords of the accounts of ``realm`` and ``brief``, by name; ``user`` of ``other`` has one of its own.
    accounts: Mapping[str, str]
    other_password: str
    #: Milliseconds since 1970.
    ends_at: int


class Attest:
    """Makes runs and removes them."""

    def __init__(
        self,
        *,
        db: EngineDatabase,
        users: Users,
        rings: KeyRings,
        tokens: Tokens,
        ends: Ends,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._db = db
        self._users = users
        self._rings = rings
        self._tokens = tokens
        self._ends = ends
        self._audit = audit
        self._clock = clock

    async def start(self, actor: Actor) -> Run:
        """Make a run for ``actor``, who was asked for the right before. Raises ``TooManyTries`` while others stand."""
        await self.tidy()
        now, name = self._clock.now(), PREFIX + secrets.token_hex(8)
        run = Run(
            name,
            name + _OTHER,
            name + _BRIEF,
            new_token(),
            {account: secrets.token_urlsafe(24) for account in ACCOUNTS},
            secrets.token_urlsafe(24),
            now + LIFE,
        )
        row = self._audit.row(
            "ATTEST",
            realm="",
            outcome="ok",
            actor=actor.name,
            session=actor.session,
            address=actor.address,
            detail={"act": "started", "run": name},
        )

        def work(connection: Connection) -> None:
            if _standing(connection) >= MOST_RUNS:
                raise TooManyTries(LIFE)
            connection.execute(row)
            _insert(connection, run, now)

        await self._db.write(work)
        try:
            await self._furnish(run)
        except SojournError:
            await self.end(name)
            raise
        return run

    async def realm(self, name: str, secret: str) -> Realm | None:
        """The realm ``name`` of a run that stands, for who knows its secret; None for everybody else."""
        if not name.startswith(PREFIX):
            return None
        row = await self._db.read(lambda connection: _found(connection, name))
        digest = secret_hash(secret).hex()
        if row is None or not hmac.compare_digest(row.secret, digest) or self._clock.now() >= row.ends_at:
            return None
        return _realm(row)

    async def end(self, run: str, detail: Mapping[str, Json] | None = None) -> None:
        """Remove a run: from the first step on it answers nothing. ``detail``: what its maker says of it."""
        row = self._audit.row("ATTEST", realm="", outcome="ok", detail={"act": "ended", "run": run, **(detail or {})})

        def close(connection: Connection) -> Sequence[str]:
            ids = connection.execute(select(_table.c.realm).where(_table.c.run == run)).scalars().all()
            closed = [_close(connection, realm_id, self._clock.now()) for realm_id in ids]
            # Whoever only finishes what another process has begun to remove ends nothing.
            if any(closed):
                connection.execute(row)
            return ids

        ids = await self._db.write(close)
        for directory in (run, run + _OTHER):
            for account in await self._users.list(directory):
                # Another process may remove the same run.
                with suppress(UserUnknown):
                    await self._users.delete(account.key, "attest")
        for realm_id in ids:
            await self._ends.all_of_realm(realm_id, End("realm-removed", self._clock.now()))
        await self._db.write(lambda connection: connection.execute(delete(_table).where(_table.c.run == run)).rowcount)

    async def tidy(self) -> int:
        """Remove what is past its time; how many runs."""
        now = self._clock.now()
        due = select(_table.c.run).distinct().where(_table.c.ends_at <= now)
        runs = await self._db.read(lambda connection: connection.execute(due).scalars().all())
        for run in runs:
            await self.end(run, {"why": "its time was over"})
        return len(runs)

    async def disable(self, realm: Realm, user_name: str) -> None:
        """Disable an account of the run, as an operator does. Raises :class:`RunUnknown` for any other."""
        await self._users.set_state(await self._account(realm, user_name), "disabled", "attest")

    async def end_sessions(self, realm: Realm, user_name: str) -> int:
        """End all sessions of an account of the run, as an operator does; how many. Raises :class:`RunUnknown`."""
        end = End("dropped", self._clock.now(), "attest")
        return await self._ends.all_of(realm, await self._account(realm, user_name), end)

    async def resign(self, realm: Realm, token: str, change: Change) -> str:
        """A token of the run with one thing changed, signed again by the key of its realm: only that thing is wrong.

        Raises ``BadRequest`` for a token that the realm has not issued, ``TokenRefused`` for one that is not sound.
        """
        await self._tokens.verify(realm, token)
        parts = read(token)
        header = {name: str(value) for name, value in parts.header.items()}
        claims: dict[str, Json] = dict(json.decode(parts.payload))
        now = self._clock.now()
        changed: Mapping[str, Json] = {
            "aud": f"{claims['aud']}x",
            "iss": f"{claims['iss']}x",
            "exp": (now - HOUR) // SECOND,
            "nbf": (now + HOUR) // SECOND,
        }
        if change == "typ":
            header["typ"] = "JWT"
        elif change in changed:
            claims[change] = changed[change]
        return sign(header, json.encode(claims), (await self._rings.active(realm)).key)

    async def _furnish(self, run: Run) -> None:
        for name in (run.realm, run.other, run.brief):
            realm = await self.realm(name, run.secret)
            assert realm is not None
            await self._rings.ensure(realm)
        for name, password in run.accounts.items():
            await self._users.add(run.realm, name, password, actor="attest")
        await self._users.add(run.other, "user", run.other_password, actor="attest")

    async def _account(self, realm: Realm, user_name: str) -> int:
        account = await self._users.find(realm.config.directory, user_name)
        if account is None:
            raise RunUnknown
        return account.key


def check_change(text: object) -> Change:
    """``text`` when it names a change; raises ``BadRequest``."""
    match text:
        case "none" | "typ" | "aud" | "iss" | "exp" | "nbf":
            return text
    raise BadRequest("change is one of none, typ, aud, iss, exp, nbf")


def _standing(connection: Connection) -> int:
    return int(connection.execute(select(func.count(_table.c.run.distinct()))).scalar_one())


def _insert(connection: Connection, run: Run, now: int) -> None:
    for name in (run.realm, run.other, run.brief):
        realm_id = new_token()
        connection.execute(insert(schema.realm).values(id=realm_id, name=name, live_name=name, created=now))
        connection.execute(
            insert(_table).values(
                run=run.realm, name=name, realm=realm_id, secret=secret_hash(run.secret).hex(), ends_at=run.ends_at
            )
        )


def _close(connection: Connection, realm_id: str, now: int) -> bool:
    """Take the realm away from everybody; whether it was still there."""
    epochs.raise_realm_epoch(connection, realm_id, "realm-removed")
    gone = update(schema.realm).where(schema.realm.c.id == realm_id, schema.realm.c.removed.is_(None))
    was_there = connection.execute(gone.values(live_name=None, removed=now)).rowcount > 0
    connection.execute(delete(schema.signing_key).where(schema.signing_key.c.realm == realm_id))
    connection.execute(update(_table).where(_table.c.realm == realm_id).values(ends_at=now))
    return was_there


def _found(connection: Connection, name: str) -> Row[int, str, str, str, str, int] | None:
    place = schema.realm
    columns = (place.c.key, place.c.id, _table.c.name, _table.c.run, _table.c.secret, _table.c.ends_at)
    wanted = select(*columns).join(_table, _table.c.realm == place.c.id)
    return connection.execute(wanted.where(_table.c.name == name, place.c.removed.is_(None))).one_or_none()


def _realm(row: Row[int, str, str, str, str, int]) -> Realm:
    return Realm(key=row.key, id=row.id, name=row.name, config=_config(row.name, row.run))


def _config(name: str, run: str) -> RealmConfig:
    """Cookies and tokens, with the defaults of every realm for the rest."""
    if name.endswith(_BRIEF):
        return RealmConfig(
            session_tracking_enabled=True,
            directory=run,
            session_idle=BRIEF_IDLE,
            session_lifetime=BRIEF_LIFETIME,
            touch_every=0,
            max_sessions_per_user=2,
            session_limit_policy="evict-oldest",
        )
    return RealmConfig(session_tracking_enabled=True, directory=run + _OTHER if name.endswith(_OTHER) else run)
