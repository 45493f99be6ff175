"""What the database itself refuses to do to the change log: change or delete what was written, whoever asks.

Triggers, in the words of each database. They hold off mistakes, foreign tools and statements of an author that got
where they do not belong; whoever owns the database can drop them, and then the chain shows what he did. All names and
words in the statements are ours.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

# As the tables are since the revision that makes the triggers; whoever adds a column makes them anew.
_ERASABLE = ("before", "after", "content", "user_name", "address")
_FIXED = (
    *(
        "number",
        "version",
        "kind",
        "table_name",
        "record",
        "user_key",
        "session",
        "realm",
        "execution_key",
        "at",
        "tag",
    ),
    "undoes",
)
_SEAL = ("place", "at", "last", "removed", "mac", "entries", "rewritten")

#: A value may go, never become another one; a salt and a commitment change only when something goes with them.
_GONE = {
    "before": "NEW.before IS NULL",
    "after": "NEW.after IS NULL",
    "content": "NEW.content = ''",
    "user_name": "NEW.user_name = ''",
    "address": "NEW.address = ''",
}

_REFUSED = "the change log is append-only"
_REMOVED = "(SELECT COALESCE(MAX(removed), 0) FROM sojourn_seal)"


def guard(connection: Connection) -> None:
    """Make the triggers, in the database of ``connection``; its tables are there already."""
    statements = _postgres() if connection.dialect.name == "postgresql" else _sqlite()
    for statement in statements:
        connection.exec_driver_sql(statement)


def _differs(name: str, distinct: str) -> str:
    return f"NEW.{name} {distinct} OLD.{name}"


def _rules(distinct: str) -> Iterator[tuple[str, str, str, str]]:
    """Name, table, act and condition of what is refused; ``distinct`` is how two values are compared, NULL included."""
    fixed = " OR ".join(_differs(name, distinct) for name in _FIXED)
    other = " OR ".join(f"({_differs(name, distinct)} AND NOT ({gone}))" for name, gone in _GONE.items())
    same = " AND ".join(f"NOT ({_differs(name, distinct)})" for name in _ERASABLE)
    marks = " OR ".join(_differs(name, distinct) for name in ("salt", "commitment"))
    yield "change_update", "sojourn_change", "UPDATE", f"{fixed} OR {other} OR (({marks}) AND {same})"
    yield "change_delete", "sojourn_change", "DELETE", f"OLD.number > {_REMOVED}"
    yield "seal_update", "sojourn_seal", "UPDATE", " OR ".join(_differs(name, distinct) for name in _SEAL)
    yield "seal_delete", "sojourn_seal", "DELETE", f"OLD.last >= {_REMOVED}"


def _sqlite() -> Iterator[str]:
    for name, table, act, condition in _rules("IS NOT"):
        yield (
            f"CREATE TRIGGER sojourn_{name} BEFORE {act} ON {table} WHEN {condition} "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )


def _postgres() -> Iterator[str]:
    yield (
        "CREATE FUNCTION sojourn_refuse() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
        f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )
    for name, table, act, condition in _rules("IS DISTINCT FROM"):
        if "SELECT" not in condition:
            when, body = f"WHEN ({condition}) ", "sojourn_refuse()"
        else:
            # A condition that reads a table can stand in a function only.
            yield (
                f"CREATE FUNCTION sojourn_{name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS "
                f"$$ BEGIN IF {condition} THEN RAISE EXCEPTION '{_REFUSED}' "
                "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN OLD; END $$"
            )
            when, body = "", f"sojourn_{name}()"
        yield f"CREATE TRIGGER sojourn_{name} BEFORE {act} ON {table} FOR EACH ROW {when}EXECUTE FUNCTION {body}"
    for table in ("sojourn_change", "sojourn_seal"):
        yield (
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION sojourn_refuse()"
        )
