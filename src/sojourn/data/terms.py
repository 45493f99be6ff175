"""For whom data are changed, and under which terms."""

from __future__ import annotations

from typing import Protocol

import msgspec

from sojourn.data.port import Cell, Key

#: Characters of ``trackingId``.
MAX_TAG = 100

#: Scopes of the data layer.
ALTER_SCHEMA = "database.alterSchema"
EXTERNAL_ACCESS = "security.externalAccess"
VIEW_CHANGES = "database.viewChanges"
UNDO_CHANGES = "database.undoChanges"
FORCE_UNDO = "database.forceUndo"
#: To make products, and to move their development.
MANAGE_PRODUCTS = "database.manageProducts"
#: Followed by the key of a product: to change its records and to make its keys.
PRODUCT = "database.product:"


def is_tag(value: str) -> bool:
    """Whether it can be the tag of changes, or empty for none: at most :data:`MAX_TAG` printable characters."""
    return len(value) <= MAX_TAG and value.isprintable()


class Terms(Protocol):
    """What the session says of its changes; it stays with the environment of a script, or with one execution."""

    #: Tag of what is changed, empty for none.
    tracking_id: str
    #: 0 for positive keys, or the key of the product whose negative keys are made.
    create_key_license: int
    #: How many keys may still be made, None without a limit.
    key_limit: int | None


class NoTerms:
    """The terms of who says nothing: no tag, positive keys, as many as there are."""

    tracking_id = ""
    create_key_license = 0
    key_limit: int | None = None


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a change: filled in by the engine, never by a script."""

    #: -1 without an account.
    user_key: int
    user_name: str
    #: Public id, empty without a session.
    session: str = ""
    #: Id of the realm, empty outside of one.
    realm: str = ""
    #: Client address, empty where there is none.
    address: str = ""
    execution_key: str = ""
    #: ``trackingId`` of the change, empty for none.
    tag: str = ""


class Modified(msgspec.Struct, frozen=True):
    """A changed record: what the changed columns held when it was read, and what they shall hold."""

    key: Key
    original: dict[str, Cell]
    values: dict[str, Cell]


class Deleted(msgspec.Struct, frozen=True):
    """A removed record: what its columns held when it was read, as far as that is known."""

    key: Key
    original: dict[str, Cell]


class TableChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What ``applyUpdates`` shall do to one table: delete, then update, then insert."""

    table: str
    #: Whole rows, their key among them.
    inserted: list[dict[str, Cell]] = []
    modified: list[Modified] = []
    deleted: list[Deleted] = []
