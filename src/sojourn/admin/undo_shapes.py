"""What goes into the operations that take changes back, and what they answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from sojourn.admin.inputs import Name
from sojourn.admin.shapes import Instant, SessionId, Shape

_NO_NUL = r"^[^\x00]*$"
_Kind = Literal["INSERT", "UPDATE", "DELETE"]


class Which(Shape, frozen=True, kw_only=True):
    """Which changes; every condition that is given has to hold, and one at least has to be given."""

    database: Annotated[
        str, Meta(max_length=60, pattern=_NO_NUL, description="Name of the database in the project.")
    ] = "main"
    tag: Annotated[str, Meta(max_length=100, pattern=_NO_NUL, description="The `trackingId`.")] = ""
    user: Annotated[Name, Meta(description="Name or mail address of the account that made them.")] | None = None
    directory: Annotated[Name, Meta(description="Directory of that account.")] = "main"
    user_key: Annotated[int, Meta(description="Key of the account, also of one that was deleted.")] | None = None
    session: Annotated[SessionId, Meta(description="Public id of the session.")] | None = None
    table: Annotated[str, Meta(max_length=200, pattern=_NO_NUL, description="The table.")] = ""
    key: Annotated[int | str | None, Meta(description="Key of a record, with `table`.")] = None
    version: Annotated[int, Meta(ge=0, le=2**53, description="Version number of one `applyUpdates`.")] | None = None
    since: Annotated[str, Meta(max_length=40, description="Not before this instant, ISO 8601.")] | None = None
    until: Annotated[str, Meta(max_length=40, description="Before this instant.")] | None = None
    numbers: (
        Annotated[
            list[Annotated[int, Meta(ge=1, le=2**53)]],
            Meta(min_length=1, max_length=10_000, description="Numbers in the log."),
        ]
        | None
    ) = None
    all: Annotated[
        bool, Meta(description="Changes of several sessions and users too, where none of them is named.")
    ] = False


class UndoPlanOrder(Which, frozen=True, kw_only=True):
    """What shall be looked at."""

    redo: Annotated[bool, Meta(description="Make anew what was taken back, instead of taking it back.")] = False
    force: Annotated[bool, Meta(description="As the policy `force` would do it.")] = False


class UndoOrder(Which, frozen=True, kw_only=True):
    """What shall be taken back, or made anew."""

    on_conflict: Annotated[
        Literal["abort", "skip", "force"],
        Meta(description="Where somebody has changed it since: do nothing, leave it, or take it back all the same."),
    ] = "abort"


class UndoPart(Shape, frozen=True, kw_only=True):
    """The changes of one user in one session."""

    session: str | None
    user_key: int
    user: str | None
    realm: Annotated[str | None, Meta(description="Name of the realm.")]
    changes: int
    first: Instant
    last: Instant


class UndoTally(Shape, frozen=True, kw_only=True):
    """How much is done to one table."""

    table: str
    kind: _Kind
    acts: int


class UndoLeft(Shape, frozen=True, kw_only=True):
    """Changes that are never taken back."""

    kind: str
    changes: int


class UndoAct(Shape, frozen=True, kw_only=True):
    """What is done to a record in order to take one change back."""

    kind: _Kind
    table: str
    key: int | str
    before: Annotated[dict[str, Any] | None, Meta(description="The record before; of an update what changes.")]
    after: Annotated[dict[str, Any] | None, Meta(description="The same after.")]
    undoes: Annotated[int, Meta(description="Number of the change that it takes back.")]


class UndoConflict(Shape, frozen=True, kw_only=True):
    """A value, or a whole record, that is not taken back."""

    number: Annotated[int, Meta(description="The change that is not taken back here.")]
    table: str
    key: int | str
    column: Annotated[str | None, Meta(description="Null where it is about the whole record.")]
    reason: str
    by: Annotated[int | None, Meta(description="Number of the later change that wrote it.")]
    found: Annotated[Any, Meta(description="What the record holds.")]
    wanted: Annotated[Any, Meta(description="What it would have been given.")]
    text: Annotated[str | None, Meta(description="What the database says.")]
    forced: Annotated[bool, Meta(description="Whether it is taken back all the same.")]


class UndoReport(Shape, frozen=True, kw_only=True):
    """What would be done, or was done."""

    version: Annotated[int, Meta(description="Version of what was changed; 0 for nothing, and in a plan.")]
    tag: Annotated[str | None, Meta(description="Tag of what was changed; null in a plan.")]
    parts: Annotated[list[UndoPart], Meta(description="Whose changes were selected.")]
    changes: Annotated[int, Meta(description="How many changes of records were selected.")]
    already: Annotated[int, Meta(description="How many of them were taken back already.")]
    left: list[UndoLeft]
    tallies: list[UndoTally]
    acts: Annotated[list[UndoAct], Meta(description="The first 1,000.")]
    conflicts: list[UndoConflict]
