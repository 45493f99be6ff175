"""What a PostgreSQL server really promises: asked on a connection, and said in findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from psycopg.rows import dict_row

from sojourn.core.clock import SystemClock
from sojourn.core.errors import StoreCorrupt
from sojourn.stores.base import Finding
from sojourn.stores.libpq.connecting import Connection, is_private

#: What :func:`look` found.
Facts = Mapping[str, Any]

#: The oldest server that has what the stores use.
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
       floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now
"""


async def look(connection: Connection, parameters: Mapping[str, Any]) -> Facts:
    """Ask. Raises ``psycopg.Error``, ``StoreCorrupt``."""
    cursor = connection.cursor(row_factory=dict_row)
    asked = SystemClock().now()
    facts = await (await cursor.execute(_FACTS)).fetchone()
    if facts is None:
        raise StoreCorrupt
    skew = facts["now"] - (asked + SystemClock().now()) // 2
    mode = parameters.get("sslmode", "prefer")
    return {**facts, "skew": skew, "line": _line(connection), "sslmode": mode}


def findings(facts: Facts) -> Iterator[Finding]:
    """All that is to be said of the server."""
    yield from _server(facts)
    yield from _durability(facts)
    yield from _transactions(facts)
    yield from _around(facts)


def is_sound(facts: Facts) -> bool:
    """Whether what was acknowledged survives a power failure."""
    return [facts["fsync"], facts["full_page_writes"]] == ["on", "on"] and facts["synchronous_commit"] != "off"


def _line(connection: Connection) -> str:
    if connection.pgconn.ssl_in_use:
        return "TLS"
    return "within this machine" if is_private(connection) else "in the clear"


def _server(facts: Facts) -> Iterator[Finding]:
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


def _durability(facts: Facts) -> Iterator[Finding]:
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


def _replicas(facts: Facts) -> Finding:
    if facts["standbys"] and facts["synchronous_commit"] in ("on", "remote_apply", "remote_write"):
        return Finding("ok", "replicas", f"synchronous: {facts['standbys']}")
    if facts["replicas"]:
        text = (
            f"{facts['replicas']} without synchronous_standby_names: a replica that is promoted may lack the last "
            "acknowledged changes. The engine notices and ends again what had ended; lost field values stay lost"
        )
        return Finding("warning", "replicas", text)
    return Finding("ok", "replicas", "none is connected")


def _transactions(facts: Facts) -> Iterator[Finding]:
    for what, name, wanted, harm in (
        ("isolation", "isolation", "read committed", "limits of sessions would not hold"),
        ("read only", "read_only", "off", "nothing can be written"),
        ("encoding", "encoding", "UTF8", "texts would be altered or refused"),
    ):
        if facts[name] == wanted:
            yield Finding("ok", what, wanted)
        else:
            yield Finding("failure", what, f"{facts[name]}, not {wanted}: {harm}")


def _around(facts: Facts) -> Iterator[Finding]:
    if facts["autovacuum"] == "on":
        yield Finding("ok", "autovacuum", "on")
    else:
        yield Finding("warning", "autovacuum", "off: the tables grow with every change. Set it to on")
    yield _tls(facts)
    yield _clock(facts["skew"])


def _tls(facts: Facts) -> Finding:
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
