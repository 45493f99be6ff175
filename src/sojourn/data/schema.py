"""The tables of ours in a database of the application: change log, keys, products, documents.

They begin with ``sojourn_``: statements of authors never see them but through the views with the names of the seed.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    },
)

#: What the names of all tables of ours begin with.
PREFIX: Final = "sojourn_"

#: SQLite gives AUTOINCREMENT to INTEGER only.
_Number = BigInteger().with_variant(Integer(), "sqlite")

#: One row: the version number that was given last.
version = Table(
    "sojourn_version", metadata, Column("one", Integer, primary_key=True), Column("number", BigInteger, nullable=False)
)

#: One row a changed record; insert-only, but for ``fresh`` and what erasure takes away (``before``, ``after``, ``content``,
#: ``address`` and ``user_name``). ``record``, ``before``, ``after`` are JSON text. ``commitment`` is what the seal covers in
#: their place: SHA-256 of the salt and of everything that can be erased. Without a salt, before and after were erased.
change = Table(
    "sojourn_change",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("version", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("content", Text, nullable=False),
    Column("user_key", BigInteger, nullable=False),
    Column("user_name", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("realm", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("execution_key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("tag", Text),
    Column("fresh", Boolean),
    Column("undoes", BigInteger),
    Column("salt", LargeBinary),
    Column("commitment", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
Index("ix_sojourn_change_record", change.c.table_name, change.c.record, change.c.number)
Index(
    "ix_sojourn_change_tag",
    change.c.tag,
    change.c.number,
    sqlite_where=change.c.tag.is_not(None),
    postgresql_where=change.c.tag.is_not(None),
)
Index("ix_sojourn_change_session", change.c.session, change.c.number)
Index("ix_sojourn_change_user", change.c.user_key, change.c.number)
Index("ix_sojourn_change_version", change.c.version)
Index("ix_sojourn_change_at", change.c.at)
Index(
    "ix_sojourn_change_undoes",
    change.c.undoes,
    sqlite_where=change.c.undoes.is_not(None),
    postgresql_where=change.c.undoes.is_not(None),
)

#: The chain over the change log, one row a batch; insert-only. ``last`` is the newest change that is sealed, ``removed``
#: the newest that retention took away (0: none), ``entries`` what stood in each newly sealed row and ``rewritten`` the
#: same of rows that were sealed before and had values erased; see :mod:`sojourn.data.chain`. Two sealers cannot make
#: two rows of one ``place``.
seal = Table(
    "sojourn_seal",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),
    Column("mac", LargeBinary, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    Column("rewritten", LargeBinary, nullable=False),
)
Index("ix_sojourn_seal_at", seal.c.at, seal.c.last)

#: The next key of each stock: ``low`` and ``high`` for positive keys. What was given out is never given again.
key_counter = Table(
    "sojourn_key_counter",
    metadata,
    Column("name", Text, primary_key=True),
    Column("next", BigInteger, nullable=False),
)

#: Products: ``key`` is the lowest key of its range, and the product's own. ``password`` is the verifier of its master
#: password; ``developed`` says whether its keys are made in this database.
product = Table(
    "sojourn_product",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("high", BigInteger, nullable=False),
    Column("next", BigInteger, nullable=False),
    Column("password", Text, nullable=False),
    Column("developed", Boolean, nullable=False),
    Column("version", Text, nullable=False),
)

#: Single keys outside of the range that belong to a product too.
product_key = Table(
    "sojourn_product_key",
    metadata,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("product", BigInteger, nullable=False, index=True),
)

#: Object stores of pipelines: ``exclusive`` says whether an id stands for one document only; fixed when it is made.
document_store = Table(
    "sojourn_document_store",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("realm", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("exclusive", Boolean, nullable=False),
    UniqueConstraint("realm", "name"),
    sqlite_autoincrement=True,
)

#: Their documents. ``id`` is the ``_oId``; ``exclusive_id`` the same in an exclusive store, else NULL. ``execution`` is the
#: key of the only execution that sees it, empty when all do. ``expires`` in milliseconds since 1970, NULL = never.
document = Table(
    "sojourn_document",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("store", BigInteger, nullable=False),
    Column("id", Text, nullable=False),
    Column("exclusive_id", Text),
    Column("execution", Text, nullable=False),
    Column("expires", BigInteger),
    Column("content", Text, nullable=False),
    UniqueConstraint("store", "exclusive_id", "execution"),
    sqlite_autoincrement=True,
)
Index("ix_sojourn_document_store_id", document.c.store, document.c.id)
Index("ix_sojourn_document_expires", document.c.expires)

#: Trackers: while one is active, what its session changes has its id for a tag. Instants and ``max_active`` in
#: milliseconds; ``finished`` is NULL while it is active.
tracker = Table(
    "sojourn_tracker",
    metadata,
    Column("id", Text, primary_key=True),
    Column("pool", BigInteger),
    Column("realm", Text, nullable=False),
    Column("user_key", BigInteger, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("max_active", BigInteger, nullable=False),
    Column("auto_undo", Boolean, nullable=False),
    Column("finished", BigInteger),
)
Index("ix_sojourn_tracker_started", tracker.c.finished, tracker.c.started)
