"""What the admin API answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from sojourn.admin.shapes import Instant, Kind, RealmName, SessionId, Shape


class Error(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Why it was refused, or failed. Some codes add further members."""

    message: str
    code: Annotated[str, Meta(description="Never changes once released.")]
    execution_key: Annotated[str, Meta(description="Name of this request in the log.")]


class LoggedIn(Shape, frozen=True, kw_only=True):
    """An operator's session."""

    token: Annotated[str, Meta(description="For `Authorization: Bearer`; shown once.")]
    expires_at: Instant


class Rights(Shape, frozen=True, kw_only=True):
    """Scopes that hold in one realm."""

    realm: RealmName
    scopes: list[str]


class Me(Shape, frozen=True, kw_only=True):
    """The operator who asks."""

    name: str
    session_id: SessionId
    created: Instant
    ends_at: Annotated[Instant, Meta(description="When the session ends whatever is done.")]
    everywhere: Annotated[list[str], Meta(description="Scopes that hold in every realm.")]
    realms: Annotated[list[Rights], Meta(description="Realms in which the operator has any scope.")]


class Done(Shape, frozen=True, kw_only=True):
    """It is done."""

    done: bool = True


class User(Shape, frozen=True, kw_only=True):
    """Whom a session acts for."""

    kind: Kind
    name: Annotated[str, Meta(description="Name of the account at login, or the subject; `anonymous` for nobody.")]
    key: Annotated[int | None, Meta(description="Key of the account.")] = None
    space: Annotated[str | None, Meta(description="Space of an external principal.")] = None
    actor: Annotated[str | None, Meta(description="Name of the account that impersonates this one.")] = None


class Device(Shape, frozen=True, kw_only=True):
    """What the client said of itself."""

    address: str
    agent: str
    client: Annotated[str, Meta(description="Id of the device, where the realm tracks clients.")]


class NextEnd(Shape, frozen=True, kw_only=True):
    """What ends a session next when nothing touches it."""

    reason: Literal["idle", "absolute"]
    at: Instant


class End(Shape, frozen=True, kw_only=True):
    """How a session ended."""

    reason: str
    at: Instant
    actor: Annotated[str, Meta(description="Who did it; empty for the engine and for the session's own user.")]
    rule: Annotated[str, Meta(description="The operator's text, or the rule that fired.")]


class Session(Shape, frozen=True, kw_only=True):
    """A session, live or ended; nothing in it opens it."""

    id: SessionId
    realm: RealmName
    user: User
    device: Device
    standalone: Annotated[
        bool, Meta(description="Whether the engine made it for its own work, as the session of a script runner.")
    ]
    created: Instant
    login_at: Instant | None
    last_access: Annotated[Instant, Meta(description="Last recorded access.")]
    idle: Annotated[int, Meta(description="Idle limit in milliseconds, 0 = none.")]
    ends_at: Annotated[Instant, Meta(description="Absolute limit.")]
    ends_next: NextEnd | None
    epoch: Annotated[int, Meta(description="Number of logins and changes of privilege, and of the end.")]
    version: Annotated[int, Meta(description="Number of changes of the fields.")]
    tokens: Annotated[int, Meta(description="Access tokens that it lists.")]
    end: Annotated[End | None, Meta(description="Null while it lives.")]


class SessionPage(Shape, frozen=True, kw_only=True):
    """A piece of a list."""

    sessions: list[Session]
    next: Annotated[
        str | None, Meta(description="`cursor` of the next page, which may be empty; null when there is none.")
    ]


class FieldSize(Shape, frozen=True, kw_only=True):
    """A field without its value."""

    name: str
    version: int
    bytes: Annotated[int, Meta(description="Length of its value as JSON.")]


class Drop(Shape, frozen=True, kw_only=True):
    """A session that will be ended."""

    session: SessionId
    realm: RealmName
    requester: str
    reason: str
    requested_at: Instant
    drops_at: Instant


class SessionDetail(Shape, frozen=True, kw_only=True):
    """One session in full."""

    session: Session
    fields: Annotated[list[FieldSize], Meta(description="Its own GLOBAL fields; empty once it has ended.")]
    worker: Annotated[int, Meta(description="What executes for it in this process; 0 when it is idle here.")]
    drop: Drop | None


class FieldValue(Shape, frozen=True, kw_only=True):
    """A field."""

    name: str
    version: int
    value: Any


class FieldValues(Shape, frozen=True, kw_only=True):
    """The fields of one session."""

    fields: list[FieldValue]


class Why(Shape, frozen=True, kw_only=True):
    """Why a session ended."""

    id: SessionId
    realm: RealmName
    user: User
    alive: bool
    end: End | None


class Ended(Shape, frozen=True, kw_only=True):
    """A session that has ended: every handle of it is dead."""

    id: SessionId
    realm: RealmName
    end: Annotated[End, Meta(description="The first end, whoever asked for it.")]


class EndedMany(Shape, frozen=True, kw_only=True):
    """How many sessions were ended."""

    sessions_ended: int


class Drops(Shape, frozen=True, kw_only=True):
    """Sessions that will be ended, the next one first."""

    drops: list[Drop]


class Aborted(Shape, frozen=True, kw_only=True):
    """What was asked to break off."""

    executions: Annotated[int, Meta(description="Executions of the session in this process.")]


class RealmCount(Shape, frozen=True, kw_only=True):
    """Sessions of one realm."""

    realm: RealmName
    stateful: bool
    anonymous: int
    account: int
    external: int


class Statistics(Shape, frozen=True, kw_only=True):
    """Sessions of the realms that the operator may see. Sessions past their limits may count until they are swept."""

    realms: list[RealmCount]
    stateful: int
    stateless: int
    standalone: int
    total: int
    in_use: Annotated[int, Meta(description="Sessions that execute in this process now.")]
    max_stateful: Annotated[int, Meta(description="Ceiling of the whole engine, 0 = none.")]
    max_stateless: Annotated[int, Meta(description="Ceiling of the whole engine, 0 = none.")]


class Running(Shape, frozen=True, kw_only=True):
    """One execution."""

    session: SessionId
    realm: RealmName
    since: Instant
    worker: int
    what: str


class InUse(Shape, frozen=True, kw_only=True):
    """What executes in this process now, the longest first."""

    executions: list[Running]


class CleanedUp(Shape, frozen=True, kw_only=True):
    """Whether everything past its limits was swept."""

    finished: bool


class Upkeep(Shape, frozen=True, kw_only=True):
    """How the engine keeps its sessions in order, as far as the process that answers knows."""

    holder: Annotated[str, Meta(description="The process that sweeps and drops for all; empty when none does.")]
    swept: Annotated[int, Meta(description="Sessions swept since its start.")]
    sweep_seconds: Annotated[float, Meta(description="Length of its last round.")]
    backlog: Annotated[bool, Meta(description="Whether more is due than it could sweep so far.")]
    serving: Annotated[bool, Meta(description="Whether sessions may be opened.")]
    causes: Annotated[dict[str, str], Meta(description="What is wrong, by part.")]
    looked_at: Annotated[Instant | None, Meta(description="When the session store was seen last.")]
    store_counter: Annotated[int, Meta(description="The counter of the store; it never goes down.")]
    clock_offset: Annotated[int, Meta(description="Milliseconds that the clock of the store is ahead.")]
    recoveries: Annotated[int, Meta(description="How often the store went back in time.")]
    replayed: Annotated[int, Meta(description="Sessions that the end journal has ended again.")]


class AuditEvent(Shape, frozen=True, kw_only=True):
    """One event of the audit log."""

    key: Annotated[int, Meta(description="Its number; never used twice.")]
    at: Instant
    kind: Annotated[str, Meta(description="The log type.")]
    outcome: Literal["ok", "failed", "refused"]
    realm: Annotated[str | None, Meta(description="Name of the realm; null for the engine's own.")]
    actor: Annotated[str, Meta(description="Who acted; empty for nobody known and for the engine.")]
    session: Annotated[str | None, Meta(description="Public id of the session.")]
    address: Annotated[str | None, Meta(description="The client's, until it is erased.")]
    detail: Annotated[Any, Meta(description="What else is known of it, by name.")]


class AuditPage(Shape, frozen=True, kw_only=True):
    """A piece of the audit log."""

    events: list[AuditEvent]
    next: Annotated[
        str | None, Meta(description="Where it goes on, for `cursor`. A page may be short although more follow.")
    ]
