"""What the tables of the engine database are made of: names, keys, references."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Table, Text

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

#: SQLite gives AUTOINCREMENT to INTEGER only.
Key = BigInteger().with_variant(Integer(), "sqlite")


def key_column() -> Column[int]:
    """The primary key: a number that is never used twice."""
    return Column("key", Key, primary_key=True, autoincrement=True)


def reference(name: str, target: str, *, nullable: bool = False) -> Column[Any]:
    """A column that names a row of another table, indexed."""
    kind = Text() if target == "realm.id" else Key
    return Column(name, kind, ForeignKey(target), nullable=nullable, index=True)


def table(name: str, *parts: Any) -> Table:
    """A table of the engine database; SQLite too never uses a key of it twice."""
    return Table(name, metadata, *parts, sqlite_autoincrement=True)


def last_raise() -> tuple[Column[str], Column[str], Column[str]]:
    """Why, by whom and under which rule an ``auth_epoch`` was raised last: what the sessions that it ended are told."""
    names = ("ended_reason", "ended_actor", "ended_rule")
    reason, actor, rule = (Column(name, Text, nullable=False, server_default="") for name in names)
    return reason, actor, rule
