"""What an execution can do in the world, as a port: the engine's rules when deployed, nothing in a test run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from sojourn.core.json import Json
from sojourn.model.field import Changed, Field, Op
from sojourn.model.user import Account


class TokenOrder(msgspec.Struct, frozen=True):
    """What a GENERATE step wants."""

    #: The message: ``sub`` and the author's own claims.
    claims: Json = None
    #: None = all that the principal may have.
    scopes: tuple[str, ...] | None = None
    #: Life of the token in milliseconds; 0 = the realm's ``tokenLifetime``.
    expires_in: int = 0
    #: Idle limit of the session in milliseconds; 0 = none.
    idle: int = 0
    #: A new token of the request's own session instead of a new session.
    renew: bool = False


class ScriptOrder(msgspec.Struct, frozen=True):
    """What a script step wants."""

    #: The script: ``ufs:/price.js``.
    script: str
    #: What it finds as ``message``.
    message: Json
    #: Its other global variables.
    parameters: Mapping[str, Json]
    #: Key of the execution.
    execution_key: str
    #: When the execution's time is up, by ``time.monotonic()``.
    deadline: float


class DocumentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a step wants of an object store."""

    operation: Literal["FIND", "AGGREGATE", "INSERT", "UPDATE", "DELETE"]
    #: Name of the object store.
    store: str
    #: Id of the one document that is meant, empty for those that fit the query.
    object_id: str = ""
    #: Of AGGREGATE the stages.
    query: Json = None
    #: What is stored, or how documents are changed.
    document: Json = None
    #: 0 = all of them.
    limit: int = 0
    skip: int = 0
    sort: Json = None
    unique: bool = True
    upsert: bool = False
    #: Whether only this execution sees it.
    isolated: bool = False
    #: Life of what is stored, in milliseconds; 0 = for ever.
    expires_in: int = 0
    execution_key: str = ""


class QueryOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a step wants to read from a database."""

    database: str
    sql: str
    parameters: Json
    #: Rows at most.
    limit: int
    execution_key: str = ""


class ApplyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a step wants to change in a table."""

    database: str
    operation: Literal["INSERT", "UPDATE", "DELETE"]
    table: str
    #: Objects with the columns of a row, the key among them; of DELETE also keys alone.
    rows: tuple[Json, ...]
    #: What columns held when the rows were read, in the same order; empty when nothing is compared.
    originals: tuple[Json, ...]
    #: Empty for that of the execution.
    tracking_id: str
    execution_key: str = ""


class Powers(Protocol):
    """The acts behind the effects; always in the realm, and for the session, of one execution."""

    async def fields(self) -> Mapping[str, Field]:
        """The GLOBAL fields as they are now.

        Raises ``NoSession`` without a session, ``SessionEnded``, ``StaleSession``.
        """
        ...

    async def change(self, ops: Sequence[Op]) -> Changed:
        """Apply all of ``ops`` to the GLOBAL fields or none.

        Raises ``NoSession`` without a session, ``SessionEnded``, ``StaleSession``, ``FieldLimit``, ``FieldConflict``,
        ``BadOperand``.
        """
        ...

    async def authenticate(self, user_name: str, password: str) -> Account | None:
        """The account when it may log in; it is then the account of this execution. None for every refusal alike.

        Raises ``TooManyTries``, also for the sixth try of one execution.
        """
        ...

    async def generate(self, order: TokenOrder) -> str:
        """A token; a session that an earlier call made is ended. Raises ``StepFailed`` for an order that is refused."""
        ...

    async def revoke(self) -> None:
        """End the session of the request's token; raises ``StepFailed`` without one."""
        ...

    async def run_script(self, order: ScriptOrder) -> Json:
        """The last value of a script that acts as the session of the request's token, the message when there is none.

        Raises ``ScriptStepFailed`` for what the script throws and for a value that is no message; ``EnvironmentLost``,
        ``EnvironmentsExhausted``, ``SessionEnded``, ``StaleSession``.
        """
        ...

    async def documents(self, order: DocumentOrder) -> Json:
        """What an object store of the realm answers: ``{data, rowCount}`` or ``{data, updateCount}``.

        Raises ``StepFailed`` for an order that is refused; ``SessionEnded``, ``StaleSession``.
        """
        ...

    async def query(self, order: QueryOrder) -> Json:
        """The rows that a statement reads as the user of the execution: ``{data, rowCount}``.

        Raises ``StepFailed`` for a statement that is refused and for an execution without a user; ``SessionEnded``,
        ``StaleSession``.
        """
        ...

    async def apply(self, order: ApplyOrder) -> Json:
        """Change rows as the user of the execution, with their rows in the change log: ``{data, updateCount, version}``.

        Raises as :meth:`query`.
        """
        ...
