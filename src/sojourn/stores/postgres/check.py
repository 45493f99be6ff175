"""What a server really promises: asked on a connection of its own, for the start log and ``sojourn store check``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from sojourn.core.errors import StoreCorrupt
from sojourn.stores.base import Contract, Finding
from sojourn.stores.libpq import server
from sojourn.stores.libpq.connecting import Connection, patience, reach
from sojourn.stores.libpq.failures import typed
from sojourn.stores.postgres.schema import SCHEMA


class Checker:
    """Asks the server; keeps what it last said."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._parameters = parameters
        self._facts: server.Facts = {}

    async def look(self, connection: Connection) -> None:
        """Ask. Raises ``StoreUnavailable``, ``StoreCorrupt``."""
        try:
            with patience(connection):
                facts = await server.look(connection, self._parameters)
                self._facts = {**facts, "schema": await _schema(connection)}
        except psycopg.Error as error:
            raise typed(error) from error

    async def findings(self) -> Sequence[Finding]:
        """Everything that was looked at, now."""
        connection = await reach(self._parameters)
        try:
            await self.look(connection)
        finally:
            await connection.close()
        return [*server.findings(self._facts), _version(self._facts["schema"])]

    def contract(self) -> Contract:
        """What was true at the last look."""
        facts = self._facts
        durability = (
            "every acknowledged change and end survives the death of engine and server and a power failure; "
            "an access that changes nothing may be forgotten for the last second"
            if server.is_sound(facts)
            else "acknowledged changes and ends may be lost when the server dies; sojourn store check says why"
        )
        shown = ("server", "synchronous_commit", "fsync", "full_page_writes", "isolation", "line", "schema")
        return Contract("postgresql", durability, {name: str(facts[name]) for name in shown})


async def _schema(connection: Connection) -> int:
    found = await (await connection.execute(b"SELECT schema FROM sojourn.version")).fetchone()
    if found is None:
        raise StoreCorrupt
    return int(found[0])


def _version(schema: int) -> Finding:
    if schema == SCHEMA:
        return Finding("ok", "schema", str(SCHEMA))
    text = f"version {schema}, this engine writes {SCHEMA}; upgrade the engines that are left"
    return Finding("warning", "schema", text)
