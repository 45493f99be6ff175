"""The shape of a file of routes: what may be written, before it is compiled."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PrincipalKind = Literal["account", "external"]

#: ``ufs:/…``, ``vfs:/…``, ``vfs:ikey?KEY``, or a key.
Script = str | int


class Common(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What a file may say for all of its routes, and each route for itself."""

    realm: Annotated[str | None, Meta(description="Realm whose session and environment serve the route.")] = None
    requires_auth: Annotated[
        bool | None,
        Meta(description="Whether the request must show who acts: `Authorization`, or the session of the realm."),
    ] = None
    scope: Annotated[
        str | tuple[str, ...] | None,
        Meta(description="`a b +c !d`: one of the plain words, all with `+`, none with `!`."),
    ] = None
    principals: Annotated[
        tuple[PrincipalKind, ...] | None, Meta(description="Who may come where `requiresAuth`; default: account.")
    ] = None
    allowed_origins: Annotated[
        tuple[str, ...] | None, Meta(description="Origins whose pages may call the route; default: any (`*`).")
    ] = None
    html: Annotated[
        bool | None, Meta(description="Whether HTML, SVG and XML of the script run as pages of this origin.")
    ] = None
    touch: Annotated[bool | None, Meta(description="Whether a request extends the idle time of its session.")] = None
    max_request_size: Annotated[
        str | Annotated[int, Meta(gt=0)] | None, Meta(description="Largest body: bytes, or 5MB, 64KiB.")
    ] = None
    debug: Annotated[bool | None, Meta(description="Write request, answer and host calls of each run to the log.")] = (
        None
    )
    before: Annotated[
        tuple[Script, ...] | None,
        Meta(description="Modules whose function runs before; a value from it is the answer."),
    ] = None
    after: Annotated[
        tuple[Script, ...] | None,
        Meta(description="Modules whose function gets the answer's value and may replace it."),
    ] = None


class RouteShape(Common, frozen=True, kw_only=True):
    """One of ``routes:``."""

    path: Annotated[str, Meta(description="`/orders/:id<number>/*rest`.")]
    method: Annotated[
        Method | Annotated[tuple[Method, ...], Meta(min_length=1)],
        Meta(description="One or several; GET answers HEAD too."),
    ] = "GET"
    script: Annotated[Script | None, Meta(description="The script that is run; its last value is the answer.")] = None
    controller: Annotated[
        Script | None,
        Meta(description="The module that exports a class, an object or a function, instead of `script`."),
    ] = None
    action: Annotated[
        str, Meta(description="Method of the controller with what it is called with: `create(request, id)`.")
    ] = ""
    order: Annotated[
        Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] | None,
        Meta(description="Lower ones are looked at first; default: its place in the file."),
    ] = None


class RouteSetShape(Common, frozen=True, kw_only=True):
    """A file of routes."""

    order: Annotated[
        int, Meta(ge=-1_000_000, le=1_000_000, description="Files with lower ones are looked at first, then by name.")
    ] = 0
    routes: Annotated[tuple[RouteShape, ...], Meta(min_length=1, description="The routes.")]


def given(name: str, route: RouteShape, routes: RouteSetShape, otherwise: Any) -> Any:
    """What ``route`` says of a common key, else its file, else ``otherwise``."""
    own = getattr(route, name)
    if own is not None:
        return own
    common = getattr(routes, name)
    return otherwise if common is None else common
