"""The tables of the application and the views of the system, as the catalogue has them now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, text

from sojourn.data.port import Column, Table
from sojourn.data.postgres.images import keeps
from sojourn.data.postgres.names import APPLICATION, SYSTEM, literal, spelled
from sojourn.data.postgres.values import type_of

_OURS = f"n.nspname = {literal(APPLICATION)} AND c.relkind IN ('r', 'p', 'v') OR n.nspname = {literal(SYSTEM)} AND c.relkind = 'v'"

# Whatever statement changes tables, columns or indexes gives their rows in the catalogue other versions.
_SIGN = text(
    f"""SELECT md5(string_agg(s.sign, ',' ORDER BY s.sign)) FROM (
      SELECT c.oid || ':' || c.xmin || ':' || (SELECT string_agg(a.attnum || '.' || a.xmin, ' ' ORDER BY a.attnum)
               FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
             || ':' || coalesce((SELECT string_agg(g.oid || '.' || g.xmin, ' ' ORDER BY g.oid)
               FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal), '')
             || ':' || coalesce((SELECT string_agg(i.indexrelid || '.' || i.xmin, ' ' ORDER BY i.indexrelid)
               FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid), '') AS sign
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {_OURS}) s"""  # noqa: S608 - our own words
)

_LOOK = text(
    f"""SELECT c.oid AS oid, c.relname AS name, c.relkind = 'v' AS view, a.attname AS column, a.attnum AS place,
             CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE a.atttypid END AS type,
             a.attnotnull OR coalesce(t.typnotnull, false) AS filled, a.attgenerated <> '' AS generated,
             coalesce((SELECT i.indnkeyatts = 1 AND i.indkey[0] = a.attnum FROM pg_catalog.pg_index i
                        WHERE i.indrelid = c.oid AND i.indisprimary), false) AS key,
             a.atttypmod AS modifier, t.typtype = 'd' AS domain, c.relhasrules OR EXISTS (
               SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) AS acts
        FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
       WHERE {_OURS} ORDER BY n.nspname = {literal(APPLICATION)}, c.relname, a.attnum"""  # noqa: S608 - our own words
)


class Shape(NamedTuple):
    """A table with what only PostgreSQL knows of it."""

    oid: int
    table: Table
    #: Type of each column; of a domain the one it is made of.
    types: Mapping[str, int]
    #: What stands in parentheses behind the type of each column, as the catalogue has it.
    modifiers: Mapping[str, int]
    #: Names of columns by their place.
    places: Mapping[int, str]
    #: What PostgreSQL calls each column.
    names: Mapping[str, str]


class Shapes(NamedTuple):
    """All of them."""

    sign: str
    by_name: Mapping[str, Shape]
    by_oid: Mapping[int, Shape]
    tables: Mapping[str, Table]


NONE = Shapes("-", {}, {}, {})


def look(connection: Connection, known: Shapes) -> Shapes:
    """As the schema is now; ``known`` itself when it has not changed."""
    sign = str(connection.execute(_SIGN).scalar())
    return known if sign == known.sign else _read(connection, sign)


def _read(connection: Connection, sign: str) -> Shapes:
    found: dict[int, list[_Row]] = {}
    for row in connection.execute(_LOOK):
        found.setdefault(row.oid, []).append(_Row(spelled(row.column), *row))
    shapes = [_shape(rows) for rows in found.values()]
    names = {shape.table.name for shape in shapes}
    twins = {name.lower() for name in names if name != name.lower()}
    by_name = {shape.table.name: shape for shape in shapes if not (shape.table.view and shape.table.name in twins)}
    return Shapes(
        sign, by_name, {shape.oid: shape for shape in shapes}, {name: shape.table for name, shape in by_name.items()}
    )


class _Row(NamedTuple):
    column: str
    oid: int
    name: str
    view: bool
    folded: str
    place: int
    type: int
    filled: bool
    generated: bool
    key: bool
    #: What stands in parentheses behind the type.
    modifier: int
    domain: bool
    #: Whether a trigger or rule may change what is written.
    acts: bool


def _shape(rows: list[_Row]) -> Shape:
    first = rows[0]
    columns = {row.column: Column(row.column, type_of(row.type), not row.filled, row.generated) for row in rows}
    key = "iKey" if "iKey" in columns else ""
    key = key or next((row.column for row in rows if row.key), "")
    return Shape(
        first.oid,
        Table(first.name, columns, key, first.view, exact=_exact(rows)),
        {row.column: row.type for row in rows},
        {row.column: row.modifier for row in rows if not row.domain},
        {row.place: row.column for row in rows},
        {row.column: row.folded for row in rows},
    )


def _exact(rows: list[_Row]) -> bool:
    """Whether an image is read back as it was written."""
    return not rows[0].acts and all(row.generated or (not row.domain and keeps(row.type, row.modifier)) for row in rows)
