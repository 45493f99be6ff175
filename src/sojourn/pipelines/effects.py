"""What a step may ask to be done. Components return effects as data; only the runner applies them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal, Protocol

import msgspec
from msgspec.structs import replace

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.model import field
from sojourn.model.field import Changed, Op
from sojourn.pipelines.errors import FlowError, InvalidCredentials
from sojourn.pipelines.execution import Frame
from sojourn.pipelines.masking import masked
from sojourn.pipelines.powers import ApplyOrder, DocumentOrder, QueryOrder, ScriptOrder, TokenOrder

SessionType = Literal["LOCAL", "GLOBAL"]
LogLevel = Literal["DEBUG", "INFO", "WARN", "ERROR"]

_logger = logging.getLogger("sojourn.pipelines.flow")
_LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}


class Effect(Protocol):
    """One thing that a step asks for; equal data are equal effects."""

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Do it for the execution of ``frame`` and return the message that goes on."""
        ...


class Put(msgspec.Struct, frozen=True):
    """Store values in the session, all of them or none."""

    session: SessionType
    values: Mapping[str, Json]
    scoped: bool = False

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it; raises ``FieldLimit`` when the session cannot hold them."""
        if self.session == "LOCAL":
            frame.local(scoped=self.scoped).put(self.values)
        else:
            ops = [field.put(name, json.encode_text(value)) for name, value in self.values.items()]
            await frame.execution.powers.change(ops)
        return message


class Get(msgspec.Struct, frozen=True):
    """Add values of the session to the message; absent ones are not added."""

    session: SessionType
    names: tuple[str, ...]
    scoped: bool = False
    #: Property of the message that receives the version of each field, 0 = absent; empty = none does. GLOBAL only.
    versions: str = ""

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it; raises :class:`FlowError` when there is something to add and the message is no object."""
        found = await self._found(frame)
        if not found:
            return message
        if not isinstance(message, dict):
            raise FlowError("message is not an object")
        return {**message, **found}

    async def _found(self, frame: Frame) -> dict[str, Json]:
        if self.session == "LOCAL":
            return frame.local(scoped=self.scoped).get(self.names)
        fields = await frame.execution.powers.fields()
        found = {name: json.decode(fields[name].text) for name in self.names if name in fields}
        if self.versions:
            found[self.versions] = {name: fields[name].version if name in fields else 0 for name in self.names}
        return found


class Delete(msgspec.Struct, frozen=True):
    """Remove values from the session; absent ones are no error."""

    session: SessionType
    names: tuple[str, ...]
    scoped: bool = False

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it."""
        if self.session == "LOCAL":
            frame.local(scoped=self.scoped).delete(self.names)
        else:
            await frame.execution.powers.change([field.delete(name) for name in self.names])
        return message


class Change(msgspec.Struct, frozen=True):
    """Operations of the store on fields, all of them or none.

    Incremented fields are added to the message with their new values.
    """

    session: SessionType
    ops: tuple[Op, ...]
    scoped: bool = False
    #: Property of the message that receives the version of each field afterwards, 0 = absent; empty = none does.
    versions: str = ""

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it.

        Raises ``FieldLimit``, ``BadOperand``, ``FieldConflict``, and :class:`FlowError`, before anything is written, when
        there is something to add and the message is no object.
        """
        if not self.versions and all(op.kind != "increment" for op in self.ops):
            await self._change(frame)
            return message
        if not isinstance(message, dict):
            raise FlowError("message is not an object")
        changed = await self._change(frame)
        more: dict[str, Json] = {name: json.decode(text) for name, text in changed.values.items()}
        if self.versions:
            more[self.versions] = {op.name: changed.version if _writes(op) else 0 for op in self.ops}
        return {**message, **more}

    async def _change(self, frame: Frame) -> Changed:
        if self.session == "LOCAL":
            return Changed(0, frame.local(scoped=self.scoped).change(self.ops))
        return await frame.execution.powers.change(self.ops)


class Authenticate(msgspec.Struct, frozen=True):
    """Check name and password of an account; from here on the execution is authenticated as that account."""

    user_name: str
    password: str

    def __repr__(self) -> str:
        return f"Authenticate({self.user_name!r}, …)"

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it; raises :class:`InvalidCredentials`."""
        account = await frame.execution.powers.authenticate(self.user_name, self.password)
        if account is None:
            raise InvalidCredentials
        user: dict[str, Any] = {"key": account.key, "name": account.name, "scopes": sorted(account.scopes)}
        return {**message, "user": user} if isinstance(message, dict) else {"user": user}


class Generate(msgspec.Struct, frozen=True):
    """Begin a login session, or go on with that of the request, and answer with a token of it."""

    order: TokenOrder

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it: the token goes into the reply's ``Authorization`` header."""
        token = await frame.execution.powers.generate(self.order)
        frame.execution.headers["Authorization"] = f"Bearer {token}"
        frame.execution.headers["Access-Control-Expose-Headers"] = "Authorization"
        return message


class Revoke(msgspec.Struct, frozen=True):
    """End the session of the request's token."""

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it."""
        await frame.execution.powers.revoke()
        return message


class RunScript(msgspec.Struct, frozen=True):
    """Run a script of the project; its last value is the message that goes on."""

    script: str
    parameters: Mapping[str, Json] = {}

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it; raises :class:`ScriptStepFailed` for what the script throws."""
        execution = frame.execution
        order = ScriptOrder(self.script, message, self.parameters, execution.key, execution.deadline)
        return await execution.powers.run_script(order)


class UseDocuments(msgspec.Struct, frozen=True):
    """Find or change documents of an object store; its answer is the message that goes on."""

    order: DocumentOrder

    async def apply(self, frame: Frame, message: Json) -> Json:  # noqa: ARG002 - the answer takes its place
        """Apply it; raises ``StepFailed`` for what is refused."""
        execution = frame.execution
        return await execution.powers.documents(replace(self.order, execution_key=execution.key))


class QueryDatabase(msgspec.Struct, frozen=True):
    """Read rows; they are the message that goes on."""

    order: QueryOrder

    async def apply(self, frame: Frame, message: Json) -> Json:  # noqa: ARG002 - the answer takes its place
        """Apply it; raises ``StepFailed`` for what is refused."""
        execution = frame.execution
        return await execution.powers.query(replace(self.order, execution_key=execution.key))


class ApplyToDatabase(msgspec.Struct, frozen=True):
    """Change rows of a table; what was done is the message that goes on."""

    order: ApplyOrder

    async def apply(self, frame: Frame, message: Json) -> Json:  # noqa: ARG002 - the answer takes its place
        """Apply it; raises ``StepFailed`` for what is refused."""
        execution = frame.execution
        return await execution.powers.apply(replace(self.order, execution_key=execution.key))


class Log(msgspec.Struct, frozen=True):
    """Write one line to the log of flows."""

    level: LogLevel
    text: str

    async def apply(self, frame: Frame, message: Json) -> Json:
        """Apply it: line ends and secrets are taken out."""
        execution = frame.execution
        level = _LEVELS[self.level]
        if _logger.isEnabledFor(level):
            extra = {"pipeline": execution.pipeline, "executionKey": execution.key}
            _logger.log(level, "%s", masked(self.text), extra=extra)
        return message


def _writes(op: Op) -> bool:
    """Whether the field is there after ``op``."""
    return op.kind != "delete" and not (op.kind == "put_if" and not op.text)
