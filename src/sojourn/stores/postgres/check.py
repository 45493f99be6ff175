"""What a server really promises: asked on a connection of its own, for the start log and ``sojourn store check``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from sojourn.core.clock import SystemClock
from sojourn.core.errors import StoreCorrupt
from sojourn.stores.base import Contract, Finding
from sojourn.stores.postgres.connecting import Connection, is_private, patience, reach
from sojourn.stores.postgres.failures import typed
from sojourn.stores.postgres.schema import SCHEMA

#: The oldest server whose functions the store uses.
_OLDEST = 130_000

#: Milliseconds.
_SKEW = 1_000
_SKEW_SEEN = 100

_FACTS = b"""
SELECT current_setting('server_version') AS server, current_setting('server_version_num')::int AS number,
       pg_is_in_recovery() AS replica, current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('synchronous_standby_names') AS standbys,
       (SELECT count(*) FROM pg_stat_replication) AS replicas,
       current_setting('default_transaction_isolation') AS isolation,
       current_setting('default_transaction_read_only') AS read_only,
       current_setting('server_encoding') AS encoding, current_setting('autovacuum') AS autovacuum,
       floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now,
       (SELECT schema FROM sojourn.version) AS schema
"""

_Facts = Mapping[str, Any]


class Checker:
    """Asks the server; keeps what it last said."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters
        self._facts: _Facts = {}

    async def look(self, connection: Connection) -> None:
        """Ask. Raises ``StoreUnavailable``, ``StoreCorrupt``."""
        try:
            with patience(connection):
                self._facts = await self._ask(connection)
        except psycopg.Error as error:
            raise typed(error) from error

    async def _ask(self, connection: Connection) -> _Facts:
        cursor = connection.cursor(row_factory=dict_row)
        asked = SystemClock().now()
        facts = await (await cursor.execute(_FACTS)).fetchone()
        if facts is None:
            raise StoreCorrupt
        skew = facts["now"] - (asked + SystemClock().now()) // 2
        mode = self._parameters.get("sslmode", "prefer")
        return {**facts, "skew": skew, "line": _line(connection), "sslmode": mode}

    async def findings(self) -> Sequence[Finding]:
        """Everything that was looked at, now."""
        connection = await reach(self._parameters)
        try:
            await self.look(connection)
        finally:
            await connection.close()
        return [*_server(self._facts), *_durability(self._facts), *_transactions(self._facts), *_around(self._facts)]

    def contract(self) -> Contract:
        """What was true at the last look."""
        facts = self._facts
        sound = [facts["fsync"], facts["full_page_writes"]] == ["on", "on"] and facts["synchronous_commit"] != "off"
        durability = (
            "every acknowledged change and end survives the death of engine and server and a power failure; "
            "an access that changes nothing may be forgotten for the last second"
            if sound
            else "acknowledged changes and ends may be lost when the server dies; sojourn store check says why"
        )
        shown = ("server", "synchronous_commit", "fsync", "full_page_writes", "isolation", "line", "schema")
        return Contract("postgresql", durability, {name: str(facts[name]) for name in shown})


def _line(connection: Connection) -> str:
    if connection.pgconn.ssl_in_use:
        return "TLS"
    return "within this machine" if is_private(connection) else "in the clear"


def _server(facts: _Facts) -> Iterator[Finding]:
    if facts["number"] < _OLDEST:
        yield Finding("failure", "server", f"PostgreSQL {facts['server']}; the store needs 13 or newer")
    else:
        yield Finding("ok", "server", f"PostgreSQL {facts['server']}")
    if facts["replica"]:
        yield Finding(
            "failure", "role", "a replica: it takes no writes and may lag behind. Name the primary in the URL"
        )
    else:
        yield Finding("ok", "role", "primary")
    if facts["schema"] == SCHEMA:
        yield Finding("ok", "schema", str(SCHEMA))
    else:
        text = f"version {facts['schema']}, this engine writes {SCHEMA}; upgrade the engines that are left"
        yield Finding("warning", "schema", text)


def _durability(facts: _Facts) -> Iterator[Finding]:
    for name, loss in (
        ("fsync", "a power failure or a crash of the machine can destroy the database"),
        ("full_page_writes", "a power failure can leave half-written pages"),
    ):
        if facts[name] == "on":
            yield Finding("ok", name, "on")
        else:
            yield Finding("failure", name, f"{facts[name]}: {loss}. Set it to on")
    commit = facts["synchronous_commit"]
    if commit == "off":
        text = "off: a crash of the server loses acknowledged changes and ends. Set it to on for the role of the store"
        yield Finding("failure", "synchronous_commit", text)
    else:
        yield Finding("ok", "synchronous_commit", commit)
    yield _replicas(facts)


def _replicas(facts: _Facts) -> Finding:
    if facts["standbys"] and facts["synchronous_commit"] in ("on", "remote_apply", "remote_write"):
        return Finding("ok", "replicas", f"synchronous: {facts['standbys']}")
    if facts["replicas"]:
        text = (
            f"{facts['replicas']} without synchronous_standby_names: a replica that is promoted may lack the last "
            "acknowledged changes. The engine notices and ends again what had ended; lost field values stay lost"
        )
        return Finding("warning", "replicas", text)
    return Finding("ok", "replicas", "none is connected")


def _transactions(facts: _Facts) -> Iterator[Finding]:
    for what, name, wanted, harm in (
        ("isolation", "isolation", "read committed", "limits of sessions would not hold"),
        ("read only", "read_only", "off", "nothing can be written"),
        ("encoding", "encoding", "UTF8", "texts would be altered or refused"),
    ):
        if facts[name] == wanted:
            yield Finding("ok", what, wanted)
        else:
            yield Finding("failure", what, f"{facts[name]}, not {wanted}: {harm}")


def _around(facts: _Facts) -> Iterator[Finding]:
    if facts["autovacuum"] == "on":
        yield Finding("ok", "autovacuum", "on")
    else:
        yield Finding("warning", "autovacuum", "off: the tables grow with every change. Set it to on")
    yield _tls(facts)
    yield _clock(facts["skew"])


def _tls(facts: _Facts) -> Finding:
    if facts["line"] != "TLS":
        return Finding("ok", "TLS", "none needed: the connection stays within this machine")
    if facts["sslmode"] == "verify-full":
        return Finding("ok", "TLS", "the server's certificate and name are verified")
    text = f"sslmode={facts['sslmode']}: somebody in between can pose as the server. Add sslmode=verify-full to the URL"
    return Finding("warning", "TLS", text)


def _clock(skew: int) -> Finding:
    text = f"{skew:+} ms to this machine"
    if abs(skew) >= _SKEW:
        return Finding(
            "failure", "clock", f"{text}: a node that is off by a second is not ready. Set the clocks by NTP"
        )
    return Finding("warning" if abs(skew) >= _SKEW_SEEN else "ok", "clock", text)
