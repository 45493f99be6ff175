"""What goes into the operations about the change log, and what they answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from sojourn.admin.inputs import Name, Text
from sojourn.admin.shapes import Instant, RealmName, SessionId, Shape

_NO_NUL = r"^[^\x00]*$"
_DatabaseName = Annotated[str, Meta(max_length=60, pattern=_NO_NUL, description="Name of the database in the project.")]
_Kinds = Annotated[str, Meta(max_length=200, description="`INSERT`, `UPDATE` …; several with commas between.")]


class DatabaseQuery(Shape, frozen=True, kw_only=True):
    """One database of the application."""

    database: _DatabaseName = "main"


class ChangesQuery(Shape, frozen=True, kw_only=True):
    """Which changes; every condition that is given has to hold."""

    database: _DatabaseName = "main"
    tag: Annotated[str, Meta(max_length=100, pattern=_NO_NUL, description="The `trackingId`.")] = ""
    user: Annotated[Name, Meta(description="Name or mail address of the account that made them.")] | None = None
    directory: Annotated[Name, Meta(description="Directory of that account.")] = "main"
    user_key: Annotated[int, Meta(description="Key of the account, also of one that was deleted.")] | None = None
    session: Annotated[SessionId, Meta(description="Public id of the session.")] | None = None
    realm: RealmName | None = None
    table: Annotated[str, Meta(max_length=200, pattern=_NO_NUL, description="The table.")] = ""
    key: (
        Annotated[str, Meta(max_length=1_000, pattern=_NO_NUL, description="Key of a record, with `table`.")] | None
    ) = None
    kind: _Kinds = ""
    version: Annotated[int, Meta(ge=0, description="Version number of one `applyUpdates`.")] | None = None
    since: Annotated[str, Meta(max_length=40, description="Not before this instant, ISO 8601.")] | None = None
    until: Annotated[str, Meta(max_length=40, description="Before this instant.")] | None = None
    limit: Annotated[int, Meta(ge=1, le=1_000, description="Changes in one page.")] = 100
    cursor: Annotated[str, Meta(max_length=100, description="`next` of the page before.")] | None = None


class Acceptance(Shape, frozen=True, kw_only=True):
    """Why the log is taken as it is."""

    reason: Text


class ChangeEntry(Shape, frozen=True, kw_only=True):
    """One changed record, or one act upon the database."""

    number: Annotated[int, Meta(description="Its number in the log.")]
    at: Instant
    kind: Literal["INSERT", "UPDATE", "DELETE", "DDL", "KEY_CREATION", "FIELD", "NOTE"]
    type: Annotated[str, Meta(description="Of a note the type that its author gave it, else `kind`.")]
    version: Annotated[int, Meta(description="All changes of one `applyUpdates` have the same.")]
    table: str | None
    key: Annotated[int | str | None, Meta(description="Key of the record.")]
    class_key: Annotated[int | None, Meta(description="Of a note.")]
    before: Annotated[dict[str, Any] | None, Meta(description="The record before; of an update what changed.")]
    after: Annotated[dict[str, Any] | None, Meta(description="The same after.")]
    erased: Annotated[bool, Meta(description="Whether before and after were erased.")]
    content: Annotated[str | None, Meta(description="The statement, the note, what else is to be said.")]
    user_key: Annotated[int, Meta(description="Key of the account that made it, -1 without one.")]
    user: Annotated[str | None, Meta(description="Its name then, unless it was erased.")]
    session: Annotated[str | None, Meta(description="Public id of the session.")]
    realm: Annotated[str | None, Meta(description="Name of its realm.")]
    address: Annotated[str | None, Meta(description="The client's, unless it was erased.")]
    execution_key: str | None
    tag: Annotated[str | None, Meta(description="The `trackingId`.")]
    fresh: Annotated[bool | None, Meta(description="`iFreshTrack`; null without a tag.")]
    undoes: Annotated[int | None, Meta(description="Number of the change that it takes back.")]


class ChangesPage(Shape, frozen=True, kw_only=True):
    """A piece of the change log."""

    changes: list[ChangeEntry]
    next: Annotated[str | None, Meta(description="Where it goes on, for `cursor`; null on the last page.")]


class Unsealed(Shape, frozen=True, kw_only=True):
    """The changes that no seal covers yet."""

    changes: int
    first: Annotated[int, Meta(description="Number of the first.")]
    last: Annotated[int, Meta(description="Number of the last.")]
    oldest: Instant


class Finding(Shape, frozen=True, kw_only=True):
    """Something that is not as it was written."""

    fault: Literal["changed", "removed", "inserted", "value", "seal", "gap", "cut", "unknown"]
    number: Annotated[int, Meta(description="Number of a change, or place of a seal.")]
    text: str


class Verification(Shape, frozen=True, kw_only=True):
    """Whether the log is as it was written."""

    sound: bool
    changes: Annotated[int, Meta(description="How many were compared.")]
    seals: Annotated[int, Meta(description="Place of the last seal.")]
    sealed_up_to: Annotated[int, Meta(description="Number of the last change that is sealed.")]
    head: Annotated[str, Meta(description="The last seal, in hexadecimal digits.")]
    removed_up_to: Annotated[int, Meta(description="Changes up to this number were removed because they were old.")]
    erased: Annotated[int, Meta(description="Changes without what the records held.")]
    unsealed: Unsealed | None
    findings: Annotated[list[Finding], Meta(description="The first 1,000.")]
    faults: Annotated[int, Meta(description="How many there are.")]


class SealedHead(Shape, frozen=True, kw_only=True):
    """How far the log has come, signed."""

    place: Annotated[int, Meta(description="Place of the last seal.")]
    last: Annotated[int, Meta(description="Number of the last change that is sealed.")]
    head: Annotated[str, Meta(description="A compact JWS of it; keep it elsewhere.")]
    key: Annotated[dict[str, Any], Meta(description="The key that checks it, as a JWK.")]
