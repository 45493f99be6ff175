"""The triggers that raise the generation at each change of a table of facts, in the words of each database.

For the schema and for migrations alike; the names of tables in the statements are ours, none is input.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

# The path is that of the engine's own schema: whoever changes a fact, with whatever path, raises this generation.
_FUNCTION = (
    "CREATE OR REPLACE FUNCTION raise_generation() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
    "$$ BEGIN UPDATE generation SET number = number + 1; RETURN NULL; END $$"
)


def raise_generation_with(connection: Connection, tables: Iterable[str]) -> None:
    """Let every insert, update and delete of a row of ``tables`` raise the generation; on PostgreSQL TRUNCATE too."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_FUNCTION)
        for table in tables:
            for acts, each, name in (("INSERT OR UPDATE OR DELETE", "ROW", ""), ("TRUNCATE", "STATEMENT", "_truncate")):
                connection.exec_driver_sql(
                    f"CREATE TRIGGER generation_{table}{name} AFTER {acts} ON {table} "
                    f"FOR EACH {each} EXECUTE FUNCTION raise_generation()"
                )
        return
    for table in tables:
        for act in ("INSERT", "UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER generation_{table}_{act.lower()} AFTER {act} ON {table} "  # noqa: S608 - our own words
                "BEGIN UPDATE generation SET number = number + 1; END"
            )
