"""Rows with typed columns as Python gets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sojourn.data.port import Cell, Column, Rows


class DataSet:
    """The result of a query: columns, and rows as tuples in their order."""

    def __init__(self, found: Rows) -> None:
        self._found = found

    def __len__(self) -> int:
        return len(self._found.rows)

    def __iter__(self) -> Iterator[dict[str, Cell]]:
        names = self.names
        return (dict(zip(names, row, strict=True)) for row in self._found.rows)

    @property
    def columns(self) -> Sequence[Column]:
        """Its columns."""
        return self._found.columns

    @property
    def names(self) -> Sequence[str]:
        """Names of its columns."""
        return [column.name for column in self._found.columns]

    @property
    def rows(self) -> Sequence[tuple[Cell, ...]]:
        """Its rows."""
        return self._found.rows

    @property
    def table(self) -> str:
        """The one table that all of it comes from, empty where there are several or none."""
        return self._found.table

    @property
    def key(self) -> str:
        """The key column of that table when it is among the columns, else empty."""
        return self._found.key
