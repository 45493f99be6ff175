"""What the engine database refuses, whatever it is kept in."""

from __future__ import annotations

from sojourn.core.errors import BadRequest, Conflict, SojournError, StoreBusy, StoreCorrupt, StoreUnavailable


class RowConflict(Conflict):
    """The change contradicts what the engine database holds."""

    code = "engine.row_conflict"


class DatabaseUrl(SojournError):
    """The address of the engine database cannot be used."""

    code = "engine.database_url"


class TextRefused(BadRequest):
    """A text holds a character that the engine database cannot keep: U+0000, or half of a pair."""

    code = "engine.text_refused"


def busy() -> StoreBusy:
    """Others kept it from writing for too long."""
    return StoreBusy("the engine database is busy; nothing was written")


def damaged() -> StoreCorrupt:
    """What it holds makes no sense."""
    return StoreCorrupt("the engine database is damaged")


def away() -> StoreUnavailable:
    """It cannot be reached or used."""
    return StoreUnavailable("the engine database cannot be used; nothing was written")


def closed() -> StoreUnavailable:
    """It was closed by this process."""
    return StoreUnavailable("the engine database is closed")
