"""The roles: how they are made, by the engine when it may, else by an operator; and whether they are as they must be.

Everything is SQL that may run again: what stands there already stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from hmac import digest
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from sojourn.data.postgres.names import APPLICATION, SYSTEM, Roles, literal, quoted

#: Members of a role inherit and set it only when that is said, since 16.
_SAYS = 160_000

# Memory and files of one statement of an author; the last one only a superuser may set.
_READS: Final = (
    "default_transaction_read_only = on",
    "search_path = " + f"{SYSTEM}, {APPLICATION}",
    "work_mem = '4MB'",
)
_FILES: Final = "1GB"

#: Functions of PostgreSQL and its extensions that are open to everybody, and that no author needs.
CLOSED: Final = (
    "^(dblink|lo_|loread$|lowrite$|pg_advisory_(xact_)?lock|pg_try_advisory_|pg_notify$|pg_sleep|pg_cancel_backend$|"
    "pg_terminate_backend$|pg_logical_emit_message$)"
)


def password(secret: bytes, reader: str) -> str:
    """The password of ``reader``; ``secret`` is one of the engine, so that every process knows it."""
    return digest(secret, reader.encode(), "sha256").hex()


def script(roles: Roles, database: str, verifier: str, *, server: int) -> Sequence[str]:
    """What makes roles and schemas, for whoever may make roles. ``verifier``: of the reader's password, never itself."""
    engine, owner, reader = map(quoted, roles)
    application, system = quoted(APPLICATION), quoted(SYSTEM)
    membership = " WITH INHERIT TRUE, SET TRUE" if server >= _SAYS else ""
    return [
        _made(roles.owner, "NOLOGIN"),
        _made(roles.reader, "LOGIN NOINHERIT"),
        f"ALTER ROLE {reader} PASSWORD {literal(verifier)}",
        *(f"ALTER ROLE {reader} SET {setting}" for setting in _READS),
        f"GRANT {owner} TO {engine}{membership}",
        f"GRANT CONNECT ON DATABASE {quoted(database)} TO {reader}",
        f"CREATE SCHEMA IF NOT EXISTS {application} AUTHORIZATION {owner}",
        f"ALTER SCHEMA {application} OWNER TO {owner}",
        f"CREATE SCHEMA IF NOT EXISTS {system} AUTHORIZATION {engine}",
        f"GRANT USAGE ON SCHEMA {application} TO {reader}",
        f"GRANT USAGE ON SCHEMA {system} TO {reader}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {application} TO {reader}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {application} GRANT SELECT ON TABLES TO {reader}",
    ]


def hardening(roles: Roles, database: str) -> Sequence[str]:
    """What only a superuser can do, and should: a second lock behind what the engine looks for in each statement."""
    return [
        f"ALTER ROLE {quoted(roles.reader)} SET temp_file_limit = {literal(_FILES)}",
        f"REVOKE TEMPORARY ON DATABASE {quoted(database)} FROM PUBLIC",
        f"""DO $$ DECLARE f record; BEGIN
  FOR f IN SELECT oid::regprocedure AS name FROM pg_proc
            WHERE proname ~ {literal(CLOSED)} AND has_function_privilege({literal(roles.reader)}, oid, 'EXECUTE') LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f.name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', f.name, {literal(roles.engine)});
  END LOOP;
END $$""",  # noqa: S608 - names of ours, in quotes
    ]


def _made(role: str, kind: str) -> str:
    return (
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {literal(role)})"
        f" THEN CREATE ROLE {quoted(role)} {kind}; END IF; END $$"
    )


class Standing(NamedTuple):
    """What is there of all that."""

    server: int
    database: str
    engine: str


class Lack(NamedTuple):
    """What the roles and schemas are not."""

    #: Not there yet, or not as it must be: the script makes it so.
    missing: Sequence[str]
    #: More rights than the reader may have: the engine does not open such a database.
    excess: Sequence[str]


_STANDING: Final = text(
    "SELECT current_setting('server_version_num')::int, current_database()::text, current_user::text"
)

_MISSING: Final = text(
    """SELECT what FROM (VALUES
      ('the role ' || :owner, NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :owner)),
      ('the role ' || :reader, NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :reader AND rolcanlogin)),
      ('the schema ' || :application || ' of ' || :owner, NOT EXISTS (
         SELECT FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner
          WHERE n.nspname = :application AND r.rolname = :owner)),
      ('the schema ' || :system || ' of ' || :engine, NOT EXISTS (
         SELECT FROM pg_namespace n WHERE n.nspname = :system AND pg_has_role(n.nspowner, 'USAGE'))),
      ('membership of ' || :engine || ' in ' || :owner, NOT coalesce(
         (SELECT pg_has_role(r.oid, 'USAGE') AND pg_has_role(r.oid, 'MEMBER') FROM pg_roles r WHERE rolname = :owner),
         false)),
      ('USAGE of ' || :application || ' for ' || :reader, NOT coalesce(
         (SELECT has_schema_privilege(r.oid, n.oid, 'USAGE') FROM pg_roles r, pg_namespace n
           WHERE r.rolname = :reader AND n.nspname = :application), false)),
      ('USAGE of ' || :system || ' for ' || :reader, NOT coalesce(
         (SELECT has_schema_privilege(r.oid, n.oid, 'USAGE') FROM pg_roles r, pg_namespace n
           WHERE r.rolname = :reader AND n.nspname = :system), false)),
      ('SELECT by default for ' || :reader, NOT EXISTS (
         SELECT FROM pg_default_acl d JOIN pg_namespace n ON n.oid = d.defaclnamespace JOIN pg_roles o ON o.oid = d.defaclrole,
                aclexplode(d.defaclacl) a JOIN pg_roles r ON r.oid = a.grantee
          WHERE d.defaclobjtype = 'r' AND n.nspname = :application AND o.rolname = :owner
            AND r.rolname = :reader AND a.privilege_type = 'SELECT'))
    ) AS looked(what, so) WHERE so"""
)

_KNOWN: Final = text("SELECT 1 FROM pg_roles WHERE rolname = :reader")

_EXCESS: Final = text(
    """SELECT what FROM (
      SELECT 'it is a superuser, makes roles or databases, replicates or bypasses row security' AS what FROM pg_roles
       WHERE rolname = :reader AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
      UNION ALL SELECT 'it is a member of ' || g.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
        JOIN pg_roles g ON g.oid = m.roleid WHERE r.rolname = :reader
      UNION ALL SELECT 'it may use the schema ' || n.nspname FROM pg_namespace n
       WHERE n.nspname IN ('sojourn', 'sojourn_engine', 'dbos') AND has_schema_privilege(:reader, n.oid, 'USAGE')
      UNION ALL SELECT 'it may create in the schema ' || n.nspname FROM pg_namespace n
       WHERE n.nspname IN (:application, :system) AND has_schema_privilege(:reader, n.oid, 'CREATE')
      UNION ALL SELECT 'it may use ' || n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname = :system AND c.relkind IN ('r', 'p', 'S') AND CASE c.relkind
         WHEN 'S' THEN has_sequence_privilege(:reader, c.oid, 'USAGE, SELECT, UPDATE')
         ELSE has_any_column_privilege(:reader, c.oid, 'SELECT, INSERT, UPDATE, REFERENCES') END
      UNION ALL SELECT 'it may write ' || n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE n.nspname IN (:application, :system) AND c.relkind IN ('r', 'p', 'v')
         AND has_table_privilege(:reader, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
    ) AS found"""
)


def standing(connection: Connection) -> Standing:
    """Which server, which database, as whom."""
    server, database, engine = connection.execute(_STANDING).one()
    return Standing(server, database, engine)


def lack(connection: Connection, roles: Roles) -> Lack:
    """What is missing or too much."""
    names = {**roles._asdict(), "application": APPLICATION, "system": SYSTEM}
    missing = connection.execute(_MISSING, names).scalars().all()
    known = connection.execute(_KNOWN, {"reader": roles.reader}).first()
    return Lack(missing, connection.execute(_EXCESS, names).scalars().all() if known else [])
