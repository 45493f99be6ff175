"""session-management: keep values for later steps, or for every pipeline of the user."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Final

from sojourn.core.json import Json
from sojourn.pipelines.component import Example, Outcome, Params, View, component, doc
from sojourn.pipelines.effects import Delete, Get, Log, Put, SessionType

DEFAULT_FIELDS: Final = "body, data, id"


class Operation(StrEnum):
    """What is done with the fields."""

    GET = "GET"
    PUT = "PUT"
    DELETE = "DELETE"

    @classmethod
    def _missing_(cls, value: object) -> Operation | None:
        """Also ``get``, ``GET DATA``, ``Get Data`` …"""
        word = str(value).strip().upper().removesuffix("DATA").rstrip(" _-")
        return next((operation for operation in cls if operation.value == word), None)


class Kind(StrEnum):
    """Whose session it is."""

    LOCAL = "LOCAL"
    GLOBAL = "GLOBAL"

    @classmethod
    def _missing_(cls, value: object) -> Kind | None:
        return next((kind for kind in cls if kind.value == str(value).strip().upper()), None)


class SessionManagement(Params, frozen=True):
    """Parameters of ``session-management``."""

    operation: Annotated[
        Operation,
        doc(
            "GET adds the fields to the message, PUT stores them, DELETE removes them. Also written `Get Data` and the like."
        ),
    ] = Operation.GET
    session_type: Annotated[
        Kind,
        doc("LOCAL: this execution. GLOBAL: every execution with a token of the same login. In any case."),
    ] = Kind.LOCAL
    fields: Annotated[
        str | tuple[str, ...], doc("Names of top-level properties of the message, as a list or a text with commas.")
    ] = DEFAULT_FIELDS
    scoped: Annotated[
        bool, doc("Use the LOCAL session of this invocation of the subflow instead of that of the execution.")
    ] = False

    @property
    def waits(self) -> bool:
        """Only for the store."""
        return self.session_type is Kind.GLOBAL


@lru_cache(maxsize=4_096)
def field_names(fields: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names that ``fields`` lists: trimmed, none empty, each once, in order."""
    words = fields.split(",") if isinstance(fields, str) else fields
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))


EXAMPLES = (
    Example(
        "PUT stores properties of the message",
        params={"operation": "PUT", "fields": ["a"]},
        message={"a": 1, "b": 2},
        want={"a": 1, "b": 2},
        effects=(Put("LOCAL", {"a": 1}),),
    ),
    Example(
        "GET adds what is there",
        params={"operation": "Get Data", "sessionType": "Local", "fields": "a, nothing"},
        local={"a": 1},
        message={"x": 9},
        want={"x": 9, "a": 1},
        effects=(Get("LOCAL", ("a", "nothing")),),
    ),
    Example(
        "by default GET, LOCAL, and three usual names; a stored value replaces that of the message",
        local={"body": "stored"},
        message={"body": "replied", "status": 200},
        want={"body": "stored", "status": 200},
        effects=(Get("LOCAL", ("body", "data", "id")),),
    ),
    Example(
        "DELETE removes",
        params={"operation": "DELETE", "fields": ["a"], "scoped": True},
        message={"a": 1},
        want={"a": 1},
        effects=(Delete("LOCAL", ("a",), scoped=True),),
    ),
    Example(
        "GLOBAL values belong to the login session of the token",
        params={"operation": "GET", "sessionType": "GLOBAL", "fields": ["cart"]},
        fields={"cart": {"sku": "A1"}},
        message={},
        want={"cart": {"sku": "A1"}},
        effects=(Get("GLOBAL", ("cart",)),),
    ),
    Example(
        "without a token there is no GLOBAL session",
        params={"operation": "GET", "sessionType": "GLOBAL", "fields": ["cart"]},
        message={},
        effects=(Get("GLOBAL", ("cart",)),),
        error="pipeline.no_session",
    ),
    Example(
        "PUT of a property that the message has not leaves the stored value as it is",
        params={"operation": "PUT", "fields": ["a", "gone"]},
        local={"gone": "kept"},
        message={"a": None},
        want={"a": None},
        effects=(Put("LOCAL", {"a": None}), Log("WARN", "PUT: the message has no property 'gone'")),
    ),
    Example(
        "a message that is no object cannot take a value",
        params={"operation": "GET", "fields": ["a"]},
        local={"a": 1},
        message=[1, 2],
        effects=(Get("LOCAL", ("a",)),),
        error="pipeline.flow",
    ),
    Example(
        "a value that is too large is refused whole",
        params={"operation": "PUT", "fields": ["a", "large"]},
        message={"a": 1, "large": "x" * 1_000_000},
        effects=(Put("LOCAL", {"a": 1, "large": "x" * 1_000_000}),),
        error="field.limit",
    ),
)


@component("session-management", since="0.1", examples=EXAMPLES)
def session_management(p: SessionManagement, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Store, fetch or remove named values of the session; the message passes on, with GET plus the values found.

    Names are literal top-level properties. LOCAL values die with the execution; GLOBAL values are the fields of the
    login session of the request's token and need a REST or HTTP trigger with `tokenJwt: true`. All fields of one step
    are one atomic change. A LOCAL value has at most 1 MB, a LOCAL session 5 MB and 64 fields; a GLOBAL session has at
    most 256 KiB and 64 fields. More than that is an error 413, and nothing is stored.
    """
    names = field_names(p.fields)
    session: SessionType = "GLOBAL" if p.session_type is Kind.GLOBAL else "LOCAL"
    if p.operation is Operation.GET:
        return Outcome(message, (Get(session, names, p.scoped),))
    if p.operation is Operation.DELETE:
        return Outcome(message, (Delete(session, names, p.scoped),))
    there = message if isinstance(message, dict) else {}
    values = {name: there[name] for name in names if name in there}
    put = Put(session, values, p.scoped)
    if len(values) == len(names):
        return Outcome(message, (put,))
    missing = ", ".join(repr(name) for name in names if name not in values)
    return Outcome(message, (put, Log("WARN", f"PUT: the message has no property {missing}")))
