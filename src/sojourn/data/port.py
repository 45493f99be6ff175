"""The port of a database of the application: SQL of authors on connections of its own, and our own transactions.

Two ways lead in, and never meet. *SQL text of scripts and pipelines* runs in :meth:`Backend.query`, :meth:`Backend.stream`
and :meth:`Backend.define`, with no more rights than it needs (``security.md``, "SQL of authors"). *What the engine
writes*, with its rows in the change log, runs in :meth:`Backend.write` as statements of SQLAlchemy.

Values cross in two shapes. A :data:`Cell` is what a query gives, with a Python type for each type of column. An
:data:`Image` is a row, or some columns of one, as JSON: the form in which the change log keeps it, in which it is
compared, and in which it is written, so that what is undone is exactly what was there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeVar, Union

from sqlalchemy import Connection

from sojourn.core.json import Json

T = TypeVar("T")

#: What a column holds. ``integer`` has 64 bits; ``number`` is a double; ``decimal`` keeps its digits; ``datetime`` has
#: milliseconds, in UTC where the column says nothing else.
ColumnType = Literal["string", "integer", "number", "decimal", "boolean", "date", "time", "datetime", "bytes", "json"]

#: A value of a row as a query gives it; that of a ``json`` column is decoded.
Cell = Union[None, bool, int, float, Decimal, str, bytes, date, time, datetime, "list[Any]", "dict[str, Any]"]

#: Key of a record.
Key = int | str

#: Columns of a row by name, as JSON.
Image = Mapping[str, Json]

#: Asked just before a commit; what it raises undoes the transaction.
Guard = Callable[[], Awaitable[None]]

Parameters = Sequence[Cell] | Mapping[str, Cell]

NO_PARAMETERS: Final[Sequence[Cell]] = ()


class Column(NamedTuple):
    """A column of a table or of a result."""

    name: str
    type: ColumnType
    #: Whether it may be without a value.
    nullable: bool = True
    #: Whether the database computes it: it is read and never written, and has no part in images.
    generated: bool = False


class Table(NamedTuple):
    """A table of the application, or a view of the system."""

    name: str
    columns: Mapping[str, Column]
    #: The column by which rows are told apart: ``iKey``, else the primary key of one column; empty without such.
    key: str
    #: Whether it is a view: nothing is written through it.
    view: bool = False
    #: Whether an image is read back exactly as it was written, so that it need not be read: no trigger changes it.
    exact: bool = False

    @property
    def versioned(self) -> bool:
        """Whether its rows keep the version number of their last change, in ``iVersion``."""
        return "iVersion" in self.columns


class Statement(NamedTuple):
    """SQL of an author: ``?`` in order, or ``:name``, for its parameters."""

    sql: str
    parameters: Parameters = NO_PARAMETERS


class Bounds(NamedTuple):
    """What the SQL of an author may use, for all statements of one call together."""

    #: Milliseconds.
    time: int = 30_000
    rows: int = 100_000
    #: Bytes of all values, about.
    size: int = 64 << 20


class Rows(NamedTuple):
    """A result, or a page of one."""

    columns: Sequence[Column]
    rows: Sequence[tuple[Cell, ...]]
    #: The one table that all of it comes from, empty where there are several or none.
    table: str = ""
    #: The key column of that table when it is among the columns, else empty.
    key: str = ""


class RowAccess(ABC):
    """How whole rows are read and written in a transaction of :meth:`Backend.write`, many at once.

    Raises ``BadValue``, ``ConstraintFailed``.
    """

    @abstractmethod
    def image(self, table: Table, values: Mapping[str, Cell]) -> Image:
        """``values`` as they would be read back, without those of generated columns.

        Raises ``BadValue`` for an unknown column and for what does not fit it.
        """

    def same(self, table: Table, column: str, one: Json, other: Json) -> bool:
        """Whether two values of a column, out of images, mean the same."""
        del table, column
        return one == other

    @abstractmethod
    def images(
        self, connection: Connection, table: Table, keys: Sequence[Key], *, lock: bool = False
    ) -> dict[Key, Image]:
        """The columns of the rows with ``keys``, those that are there; no generated ones.

        ``lock``: nobody changes them before the commit.
        """

    @abstractmethod
    def insert(self, connection: Connection, table: Table, images: Sequence[Image]) -> None:
        """Add rows; columns that an image does not name get their default."""

    @abstractmethod
    def update(self, connection: Connection, table: Table, changes: Sequence[tuple[Key, Image]]) -> None:
        """Set the named columns of the rows with these keys."""

    @abstractmethod
    def delete(self, connection: Connection, table: Table, keys: Sequence[Key]) -> None:
        """Remove the rows with these keys."""


class Backend(ABC):
    """One database of the application. It belongs to the event loop that opened it."""

    #: Its name in the project; ``main`` is the one of ``stores.application``.
    name: str
    dialect: Literal["sqlite", "postgresql"]
    rows: RowAccess

    @abstractmethod
    async def query(self, statements: Sequence[Statement], bounds: Bounds) -> list[Rows]:
        """What statements of authors read, all of it from one snapshot.

        A caller that is cancelled stops the statement. Raises ``BadStatement``, ``BadParameters``, ``StatementRefused``,
        ``TableUnknown``, ``QueryTimeout``, ``ResultTooLarge``, ``DatabaseUnavailable``.
        """

    @abstractmethod
    def stream(self, statement: Statement, bounds: Bounds, page: int) -> AsyncIterator[Rows]:
        """The same for one statement, ``page`` rows at a time; ``bounds.rows`` and ``bounds.size`` hold for one page."""

    @abstractmethod
    async def define(self, statement: str, log: Callable[[Connection], T], guard: Guard | None = None) -> T:
        """Run a statement of an author that changes the schema of the application, then ``log``, as one transaction.

        Raises as :meth:`query`, and what ``guard`` raises.
        """

    @abstractmethod
    async def read(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads, from one snapshot; in a thread. Raises ``DatabaseUnavailable`` and its kin."""

    @abstractmethod
    async def write(self, work: Callable[[Connection], T], guard: Guard | None = None) -> T:
        """Run ``work`` as one transaction, in a thread; then ``guard`` in the event loop, then commit.

        Kept when this returns, undone when ``work`` or ``guard`` raises or the caller is cancelled before the commit
        begins. Raises ``ConstraintFailed``, ``DatabaseDeadlock``, ``StoreBusy``, ``StoreFull``, ``DatabaseUnavailable``
        (nothing written) and ``OutcomeUnknown``.
        """

    @abstractmethod
    async def tables(self) -> Mapping[str, Table]:
        """The tables of the application and the views of the system by name, as the schema is now."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what is under way and let go. May be called again."""
