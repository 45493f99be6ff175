"""A pipeline as it is executed: immutable, everything bound and compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

from sojourn.core.json import Json
from sojourn.pipelines.bound import Bound
from sojourn.pipelines.component import Component
from sojourn.pipelines.conditions import Condition
from sojourn.pipelines.expressions import Template
from sojourn.pipelines.routes import Route

TriggerType = Literal["rest", "http", "event", "scheduler"]
PrincipalKind = Literal["account", "external"]

#: Triggers that a request can start.
WEB = frozenset({"rest", "http"})


class Step(NamedTuple):
    """One step of a flow."""

    name: str
    component: Component
    bound: Bound
    #: Subflows by name: ``onProcess``, ``onException``, ``when[0]``, ``otherwise``.
    flows: Mapping[str, tuple[Step, ...]]
    #: Conditions of a choice, in order.
    conditions: tuple[Condition, ...]
    #: Whether a failure ends the flow; otherwise it becomes the message.
    fails: bool
    #: File of the project and line where it stands.
    file: str
    line: int


#: Steps in order.
Flow = tuple[Step, ...]


class Trigger(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What starts a pipeline, and who may."""

    type: TriggerType
    methods: frozenset[str] = frozenset()
    #: Whether a gateway key is needed.
    api_key: bool = False
    #: Whether an access token of the realm is needed.
    token_jwt: bool = False
    #: Tokens that give identity without a session: AuthTokens, session tokens.
    tokens: frozenset[Literal["auth", "session"]] = frozenset()
    #: Whether a name with a password is needed.
    basic_auth: bool = False
    #: Who may act: kinds of principals.
    principals: frozenset[PrincipalKind] = frozenset()
    #: The effective scope must have all of them.
    required_scopes: frozenset[str] = frozenset()
    #: What the pipeline may give to an external principal, in the order of the file.
    grants: tuple[str, ...] = ()
    #: Space of the subjects of external principals.
    principal_space: str = ""
    #: Further paths below ``/pipeline/{realm}/v{major}``.
    routes: tuple[Route, ...] = ()
    #: Milliseconds.
    timeout: int = 30_000
    #: 500 with an empty body, or 504 with JSON.
    timeout_status: int = 500
    #: Bytes.
    max_request_size: int = 5_000_000
    #: Media types that are taken; empty = any.
    request_content_types: frozenset[str] = frozenset()
    #: Media types that an ``http`` trigger may answer; empty = any.
    response_content_types: frozenset[str] = frozenset()
    #: Headers of every reply, rendered against the final message.
    response_headers: tuple[tuple[str, Template], ...] = ()
    #: Whether a request extends the idle time of its session.
    touch: bool = True

    @cached_property
    def authenticates(self) -> bool:
        """Whether it is known who acts."""
        return self.token_jwt or self.basic_auth or bool(self.tokens)

    @cached_property
    def bearers(self) -> frozenset[Literal["jwt", "auth", "session"]]:
        """The kinds of bearer tokens that it takes."""
        return self.tokens | {"jwt"} if self.token_jwt else self.tokens


def walk(flow: Flow) -> Iterator[Step]:
    """All steps of ``flow``, those of subflows after their own."""
    for step in flow:
        yield step
        for inner in step.flows.values():
            yield from walk(inner)


class Plan(NamedTuple):
    """A compiled pipeline."""

    name: str
    #: Name of its realm.
    realm: str
    major: int
    minor: int
    trigger: Trigger
    flow: Flow
    #: File of the project.
    file: str
    line: int
    #: ``metadata.pipeline`` of expressions.
    metadata: dict[str, Json]
    #: Whether any step may have to wait; where none does, the time is only looked at between steps.
    waits: bool

    @property
    def version(self) -> str:
        """``major.minor``."""
        return f"{self.major}.{self.minor}"
