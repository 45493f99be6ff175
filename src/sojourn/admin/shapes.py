"""What the inputs and answers of the admin API are made of. The OpenAPI document is made from all of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Instant = Annotated[str, Meta(description="An instant, UTC.", extra_json_schema={"format": "date-time"})]
SessionId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{43}$", description="Public id of a session.")]
RealmName = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,59}$", description="Name of a realm.")]
Kind = Literal["anonymous", "account", "external"]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """An object of the API."""


class Nothing(Shape, frozen=True, kw_only=True):
    """No parameters, or no body."""
