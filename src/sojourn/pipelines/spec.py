"""The shape of a pipeline file: what may be written, before it is compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from sojourn.pipelines.model import PrincipalKind, TriggerType

#: A name that becomes part of a path, of an issuer or of a principal.
NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
VERSION: Final = r"^(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$"
HEADER: Final = r"^[A-Za-z0-9-]{1,100}$"
MEDIA_TYPE: Final = r"^[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\*)$"

MAX_TIMEOUT: Final = 900_000

METHODS: Final = ("POST", "PUT", "GET", "PATCH", "DELETE", "OPTIONS")

Name = Annotated[str, Meta(pattern=NAME)]
MediaType = Annotated[str, Meta(pattern=MEDIA_TYPE)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of what stands in a pipeline file."""


class TriggerShape(Shape, frozen=True, kw_only=True):
    """``trigger:`` of a pipeline file."""

    type: TriggerType
    methods: tuple[str, ...] = METHODS
    api_key: bool = False
    token_jwt: bool = False
    basic_auth: bool = False
    tokens: tuple[Literal["auth", "session"], ...] = ()
    principals: tuple[PrincipalKind, ...] | None = None
    required_scopes: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    principal_space: Name | None = None
    routes: tuple[str, ...] = ()
    timeout: Annotated[int, Meta(gt=0, le=MAX_TIMEOUT)] = 30_000
    timeout_status: Literal[500, 504] = 500
    max_request_size: str | Annotated[int, Meta(gt=0)] = "5MB"
    request_content_types: tuple[MediaType, ...] = ()
    response_content_types: tuple[MediaType, ...] = ()
    response_headers: Mapping[Annotated[str, Meta(pattern=HEADER)], str] = {}
    touch: bool = True
    allow_redelivery: bool = False
    event_name: str | None = None
    expiration: int | None = None
    cron_expression: str | None = None
    time_zone_id: str | None = None
    retries: int | None = None
    concurrent_scheduling: bool = False


class BranchShape(Shape, frozen=True, kw_only=True):
    """One of ``when:``."""

    condition: str | bool
    flow: tuple[StepShape, ...]


class StepShape(Shape, frozen=True, kw_only=True):
    """One step of a flow."""

    step: Annotated[str, Meta(min_length=1, max_length=200)]
    component: str
    params: dict[str, Any] = {}
    on_process: tuple[StepShape, ...] | None = None
    on_exception: tuple[StepShape, ...] | None = None
    when: tuple[BranchShape, ...] | None = None
    otherwise: tuple[StepShape, ...] | None = None


class PipelineShape(Shape, frozen=True, kw_only=True):
    """A pipeline file."""

    pipeline: Name
    version: Annotated[str, Meta(pattern=VERSION)] = "1.0"
    realm: str
    description: str = ""
    durable: bool = False
    trigger: TriggerShape
    flow: Annotated[tuple[StepShape, ...], Meta(min_length=1)]
