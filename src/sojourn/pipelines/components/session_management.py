"""session-management: keep values for later steps, or for every pipeline of the user."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from sojourn.core.json import Json, encode_text
from sojourn.model import field
from sojourn.model.field import Op
from sojourn.pipelines.component import Outcome, Params, View, component, doc
from sojourn.pipelines.components.session_examples import EXAMPLES
from sojourn.pipelines.components.session_operands import expected_versions, increment_text, patch_text
from sojourn.pipelines.effects import Change, Delete, Get, Log, Put, SessionType

DEFAULT_FIELDS: Final = "body, data, id"


class Operation(StrEnum):
    """What is done with the fields."""

    GET = "GET"
    PUT = "PUT"
    DELETE = "DELETE"
    INCREMENT = "INCREMENT"
    APPEND = "APPEND"
    MERGE = "MERGE"

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
            "GET adds the fields to the message, PUT stores them, DELETE removes them. INCREMENT, APPEND and MERGE change "
            "stored values in the store itself, so that none of several writers is lost. Also written `Get Data` and the like."
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
    by: Annotated[
        Any, doc("INCREMENT: what is added, a plain decimal number; an absent field counts as 0.", template="json")
    ] = 1
    item: Annotated[
        Any, doc("APPEND: what is added at the end of the array; an absent field counts as `[]`.", template="json")
    ] = msgspec.UNSET
    patch: Annotated[
        Any,
        doc(
            "MERGE: an object whose members replace those of the field; null removes one; an absent field counts as `{}`.",
            template="json",
        ),
    ] = msgspec.UNSET
    if_version: Annotated[
        Any,
        doc(
            "PUT and DELETE of GLOBAL fields: only while they have this version. A number for one field, or an object "
            "`{field: version}`; 0 = absent.",
            template="json",
        ),
    ] = msgspec.UNSET
    versions: Annotated[
        str, doc("Property of the message that receives the versions of GLOBAL fields as they are after the step.")
    ] = ""

    @property
    def waits(self) -> bool:
        """Only for the store."""
        return self.session_type is Kind.GLOBAL


@lru_cache(maxsize=4_096)
def field_names(fields: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names that ``fields`` lists: trimmed, none empty, each once, in order."""
    words = fields.split(",") if isinstance(fields, str) else fields
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))


@component("session-management", since="0.1", examples=EXAMPLES)
def session_management(p: SessionManagement, message: Json, view: View) -> Outcome:  # noqa: ARG001 - all components take it
    """Store, fetch, change or remove named values of the session; the message passes on, with GET plus the values found.

    Names are literal top-level properties. LOCAL values die with the execution; GLOBAL values are the fields of the
    login session of the request's token and need a REST or HTTP trigger with `tokenJwt: true`. All fields of one step
    are one atomic change. A LOCAL value has at most 1 MB, a LOCAL session 5 MB and 64 fields; a GLOBAL session has at
    most 256 KiB and 64 fields. More than that is an error 413, and nothing is stored.

    Extensions of ours: INCREMENT adds `by` to each field and adds the new values to the message; APPEND adds `item` to
    each array; MERGE sets the members of `patch` in each object, not deeper. Every change of a GLOBAL field gives it a
    new version, which `versions` tells; with `ifVersion` nothing is written unless every field has the version that is
    expected, else the flow ends with `{timestamp, error: "field conflict", code: 409, name, expected, found}`.
    """
    names = field_names(p.fields)
    session: SessionType = "GLOBAL" if p.session_type is Kind.GLOBAL else "LOCAL"
    match p.operation:
        case Operation.GET:
            return Outcome(message, (Get(session, names, p.scoped, p.versions),))
        case Operation.PUT:
            return _put(p, session, names, message)
        case Operation.DELETE:
            return Outcome(message, (_delete(p, session, names),))
        case _:
            return Outcome(message, (Change(session, _in_place(p, names), p.scoped, p.versions),))


def _put(p: SessionManagement, session: SessionType, names: tuple[str, ...], message: Json) -> Outcome:
    there = message if isinstance(message, dict) else {}
    values = {name: there[name] for name in names if name in there}
    put: Put | Change = Put(session, values, p.scoped)
    if p.if_version is not msgspec.UNSET:
        expected = expected_versions(p.if_version, names)
        guarded = (field.put_if(name, encode_text(value), expected[name]) for name, value in values.items())
        put = Change(session, tuple(guarded), p.scoped, p.versions)
    elif p.versions:
        put = Change(
            session, tuple(field.put(name, encode_text(value)) for name, value in values.items()), versions=p.versions
        )
    if len(values) == len(names):
        return Outcome(message, (put,))
    missing = ", ".join(repr(name) for name in names if name not in values)
    return Outcome(message, (put, Log("WARN", f"PUT: the message has no property {missing}")))


def _delete(p: SessionManagement, session: SessionType, names: tuple[str, ...]) -> Delete | Change:
    if p.if_version is msgspec.UNSET and not p.versions:
        return Delete(session, names, p.scoped)
    if p.if_version is msgspec.UNSET:
        return Change(session, tuple(field.delete(name) for name in names), p.scoped, p.versions)
    expected = expected_versions(p.if_version, names)
    return Change(session, tuple(field.put_if(name, "", expected[name]) for name in names), p.scoped, p.versions)


def _in_place(p: SessionManagement, names: tuple[str, ...]) -> tuple[Op, ...]:
    """The operations of INCREMENT, APPEND and MERGE."""
    if p.operation is Operation.INCREMENT:
        by = increment_text(p.by)
        return tuple(field.increment(name, by) for name in names)
    if p.operation is Operation.APPEND:
        item = encode_text(p.item)
        return tuple(field.append(name, item) for name in names)
    patch = patch_text(p.patch)
    return tuple(field.merge(name, patch) for name in names)
