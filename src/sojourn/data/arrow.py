"""Data sets as tables of Apache Arrow; only who asks for one needs the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sojourn.core import json
from sojourn.core.errors import SojournError
from sojourn.data.port import Cell

if TYPE_CHECKING:
    import pyarrow as pa

    from sojourn.data.dataset import DataSet

#: Type of a column in Arrow. Decimals come as texts: they have no common scale.
_TYPES: Final = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "decimal": "string",
    "boolean": "bool",
    "date": "date32",
    "time": "time64[us]",
    "datetime": "timestamp[ms]",
    "bytes": "binary",
    "json": "string",
}


class ArrowMissing(SojournError):
    """Tables of Arrow need one more package: install sojourn[arrow]."""

    code = "dataset.arrow_missing"


def to_arrow(found: DataSet) -> pa.Table:
    """The rows with their changes. Decimals and JSON come as texts, so that no digit is lost."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ArrowMissing from error
    columns = {
        column.name: pa.array(
            [_plain(column.type, cell) for cell in found.column(column.name)],
            pa.type_for_alias(_TYPES[column.type]),
            from_pandas=False,
        )
        for column in found.columns
    }
    return pa.table(columns)


def _plain(kind: str, cell: Cell) -> Cell:
    if cell is None:
        return None
    if kind == "json":
        return json.encode_text(cell)
    return str(cell) if kind == "decimal" else cell
