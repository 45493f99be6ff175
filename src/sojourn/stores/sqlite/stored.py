"""The fields of one session or bag while a change works on them, inside the writer's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from sojourn.core.errors import StoreCorrupt
from sojourn.model.field import Field, Op, size
from sojourn.stores.sqlite.rows import LARGE, Doc, Written, decode_doc, encode_doc, entry, text_of
from sojourn.stores.sqlite.statements import SQL


class StoredFields:
    """The fields as read; :meth:`write` and :meth:`keep` say what is to be stored, :meth:`store_large` stores it."""

    __slots__ = ("_db", "_doc", "_drop", "_large", "_n", "_put", "_weight")

    def __init__(self, db: sqlite3.Connection, n: int, doc: str, weight: int, large: int) -> None:
        self._db = db
        self._n = n
        self._doc: Doc = decode_doc(doc)
        self._weight = weight
        self._large = large
        self._put: dict[str, str] = {}
        self._drop: set[str] = set()

    def read(self, ops: Sequence[Op]) -> dict[str, Field]:
        """Those of the fields that ``ops`` name which exist."""
        doc = self._doc
        return {op.name: self._field(op.name) for op in ops if op.name in doc}

    def _field(self, name: str) -> Field:
        version, raw = self._doc[name]
        if version > 0:
            return Field(version, text_of(raw))
        rows = self._db.execute(SQL.value, {"n": self._n, "name": name}).fetchall()
        if not rows:
            raise StoreCorrupt
        return Field(-version, rows[0][0])

    def write(self, version: int, writes: Mapping[str, str | None], old: Mapping[str, Field]) -> Written:
        """The columns after ``writes`` (None = delete), each with ``version``; ``old`` is what stood there."""
        for name, text in writes.items():
            if name in self._doc:
                self._remove(name, size(name, old[name].text))
            if text is not None:
                self._add(name, version, text)
        return self.columns()

    def keep(self, names: frozenset[str]) -> Written:
        """The columns when only ``names`` stay."""
        for name in [name for name in self._doc if name not in names]:
            version, raw = self._doc[name]
            text = text_of(raw)
            self._remove(name, size(name, text) if version > 0 else len(name.encode()) + int(text))
        return self.columns()

    def _remove(self, name: str, weight: int) -> None:
        version, _ = self._doc.pop(name)
        self._weight -= weight
        if version < 0:
            self._large -= 1
            self._drop.add(name)

    def _add(self, name: str, version: int, text: str) -> None:
        self._doc[name] = entry(version, text)
        self._weight += size(name, text)
        if len(text) > LARGE:
            self._large += 1
            self._put[name] = text
            self._drop.discard(name)

    def columns(self) -> Written:
        """The columns as things stand."""
        return Written(len(self._doc), self._weight, self._large, encode_doc(self._doc))

    def store_large(self, n: int) -> None:
        """Write and delete the rows of large values under number ``n``; only after its own row was written."""
        for name in self._drop:
            self._db.execute(SQL.delete_value, {"n": n, "name": name})
        for name, text in self._put.items():
            self._db.execute(SQL.put_value, {"n": n, "name": name, "value": text})


def no_fields(db: sqlite3.Connection) -> StoredFields:
    """Those of a session or bag that has no row yet."""
    return StoredFields(db, 0, "{}", 0, 0)
