"""What goes wrong between the engine and the application's data."""

from __future__ import annotations

from sojourn.core.errors import BadRequest, Conflict, Forbidden, NotFound, SojournError, Unauthorized, Unavailable


class DatabaseLoginRequired(Unauthorized):
    """This connection to the database has no user: log in first."""

    code = "database.login_required"


class DatabaseUnknown(NotFound):
    """There is no database of that name."""

    code = "database.unknown"


class TableUnknown(NotFound):
    """There is no such table, or nobody may see it."""

    code = "database.table_unknown"


class TableUnnamed(BadRequest):
    """It is not known which table these rows belong to: set ``tableName``."""

    code = "database.table_unnamed"


class TableWithoutKey(BadRequest):
    """The table has no single key column, so that its rows cannot be told apart."""

    code = "database.table_without_key"


class BadValue(BadRequest):
    """A value does not fit its column."""

    code = "database.bad_value"


class BadTag(BadRequest):
    """A trackingId has at most 100 printable characters."""

    code = "database.bad_tag"


class BadStatement(BadRequest):
    """The database does not understand or does not take this statement."""

    code = "database.bad_statement"


class BadParameters(BadRequest):
    """The parameters do not fit the statement."""

    code = "database.bad_parameters"


class StatementRefused(Forbidden):
    """A statement may only read, and only what belongs to the application."""

    code = "database.statement_refused"


class RecordConflict(Conflict):
    """Somebody else has changed this record meanwhile; nothing was written."""

    code = "database.record_conflict"
    told = ("table", "key", "fields")

    def __init__(self, table: str, key: int | str, fields: tuple[str, ...] = ()) -> None:
        super().__init__(f"the record {key!r} of {table} was changed meanwhile")
        self.table = table
        self.key = key
        #: Names of the columns that differ, with commas; empty when the record is gone.
        self.fields = ", ".join(fields)


class ConstraintFailed(Conflict):
    """A constraint of the table refuses this; nothing was written."""

    code = "database.constraint"


class DatabaseDeadlock(Conflict):
    """Two changes waited for each other; this one was given up, nothing was written. Try it again."""

    code = "database.deadlock"


class QueryTimeout(SojournError):
    """The statement has run longer than it may."""

    code = "database.timeout"
    status = 504


class ResultTooLarge(SojournError):
    """The result has more rows or bytes than it may; ask for less, or page by page."""

    code = "database.result_too_large"
    status = 413


class DatabaseUnavailable(Unavailable):
    """The database does not answer; nothing is known to have happened."""

    code = "database.unavailable"


class NoSuchRecord(BadRequest):
    """There is no such record among these rows."""

    code = "dataset.no_record"


class NoSuchColumn(BadRequest):
    """These rows have no such column."""

    code = "dataset.no_column"
