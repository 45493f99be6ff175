"""db: read and change tables of the application."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from sojourn.core.json import Json
from sojourn.pipelines.component import Example, Outcome, Params, View, component, doc
from sojourn.pipelines.effects import ApplyToDatabase, Effect, QueryDatabase
from sojourn.pipelines.errors import StepFailed
from sojourn.pipelines.numbers import whole
from sojourn.pipelines.powers import ApplyOrder, QueryOrder

#: Rows of one result at most.
MOST_ROWS = 10_000

_NO_PARAMETERS: list[Any] = []


class Operation(StrEnum):
    """What is done with rows."""

    QUERY = "QUERY"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"

    @classmethod
    def _missing_(cls, value: object) -> Operation | None:
        """In any case."""
        word = str(value).strip().upper()
        return next((operation for operation in cls if operation.value == word), None)


class Db(Params, frozen=True):
    """Parameters of ``db``."""

    operation: Annotated[
        Operation, doc("QUERY reads; INSERT, UPDATE and DELETE change rows of one table. In any case.")
    ] = Operation.QUERY
    database: Annotated[str, doc("Name of the database in the project's settings.")] = "main"
    sql: Annotated[
        str,
        doc(
            "QUERY: one SELECT as it stands: values go into `parameters`, never into the text. `?` or `:name` for each."
        ),
    ] = ""
    parameters: Annotated[Any, doc("QUERY: a list for `?` in order, or an object for `:name`.", template="json")] = (
        _NO_PARAMETERS
    )
    max_rows: Annotated[Any, doc(f"QUERY: more rows than that are an error; at most {MOST_ROWS}.", template="json")] = (
        1_000
    )
    table: Annotated[str, doc("INSERT, UPDATE, DELETE: the table.")] = ""
    rows: Annotated[
        Any,
        doc(
            "An object, or a list of them, with the columns of each row and its key; UPDATE sets the other columns. An INSERT "
            "without the key makes one. DELETE also takes keys alone.",
            template="json",
        ),
    ] = None
    originals: Annotated[
        Any,
        doc(
            "UPDATE, DELETE: what columns held when the rows were read, an object for each row; the step fails with 409 "
            "when one of them holds something else by now.",
            template="json",
        ),
    ] = None
    tracking_id: Annotated[
        str, doc("Tag of the change in the change log; empty is the key of the execution.", template="text")
    ] = ""
    fail_on_error: Annotated[bool, doc("Whether an error ends the flow; else it becomes the message.")] = True


EXAMPLES = (
    Example(
        "read rows",
        params={
            "sql": "SELECT iKey, name FROM product WHERE price > ? ORDER BY name",
            "parameters": ["{{ message.least }}"],
            "database": "main",
            "maxRows": 100,
        },
        message={"least": 10},
        want={"data": [{"iKey": 1, "name": "bicycle"}], "rowCount": 1},
        effects=(
            QueryDatabase(
                QueryOrder(
                    database="main",
                    sql="SELECT iKey, name FROM product WHERE price > ? ORDER BY name",
                    parameters=[10],
                    limit=100,
                )
            ),
        ),
    ),
    Example(
        "change rows that nobody else has changed since they were read",
        params={
            "operation": "UPDATE",
            "table": "product",
            "rows": {"iKey": 1, "price": "{{ message.price }}"},
            "originals": {"price": "{{ message.before }}"},
            "trackingId": "{{ message.import }}",
            "failOnError": True,
        },
        message={"price": 12, "before": 10, "import": "prices-2026"},
        want={"data": [], "updateCount": 1, "version": 7},
        effects=(
            ApplyToDatabase(
                ApplyOrder(
                    database="main",
                    operation="UPDATE",
                    table="product",
                    rows=({"iKey": 1, "price": 12},),
                    originals=({"price": 10},),
                    tracking_id="prices-2026",
                )
            ),
        ),
    ),
    Example(
        "no rows are an error of the flow's author",
        params={"operation": "DELETE", "table": "product"},
        message={},
        error="pipeline.step_failed",
    ),
)


@component("db", since="0.1", examples=EXAMPLES)
def db(p: Db, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Read or change tables of the application; the answer takes the place of the message.

    The step acts as the user of the execution: that of the request's token, or of an earlier `login` step; without one it
    fails with 401. QUERY answers `{data: […], rowCount}`, an object for each row; it runs one statement that can only read.
    INSERT, UPDATE and DELETE answer `{data, updateCount, version}`; `data` has the keys that an INSERT has made. All rows of a
    step are one transaction, written with their rows in the change log under the user and `trackingId`, and undone by
    `sojourn changes undo --tag`. In numbers no digit is lost; dates and times are ISO texts, bytes base64.
    """
    return Outcome(message, (_query(p) if p.operation is Operation.QUERY else _apply(p, p.operation),))


def _query(p: Db) -> Effect:
    if not p.sql.strip():
        raise StepFailed("sql is empty", 422)
    if not isinstance(p.parameters, (list, dict)):
        raise StepFailed("parameters is a list or an object", 422)
    limit = whole(p.max_rows, "maxRows")
    if not 1 <= limit <= MOST_ROWS:
        raise StepFailed(f"maxRows is a whole number from 1 to {MOST_ROWS}", 422)
    return QueryDatabase(QueryOrder(database=p.database, sql=p.sql, parameters=p.parameters, limit=limit))


def _apply(p: Db, operation: Operation) -> Effect:
    rows, originals = _listed(p.rows), _listed(p.originals)
    if not p.table:
        raise StepFailed("table is empty", 422)
    if not rows:
        raise StepFailed("there are no rows", 422)
    if originals and (operation is Operation.INSERT or len(originals) != len(rows)):
        raise StepFailed("originals has one object for each row that is changed", 422)
    order = ApplyOrder(
        database=p.database,
        operation=operation.value,  # type: ignore[arg-type] # QUERY does not come here
        table=p.table,
        rows=rows,
        originals=originals,
        tracking_id=p.tracking_id,
    )
    return ApplyToDatabase(order)


def _listed(value: Json) -> tuple[Json, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)
