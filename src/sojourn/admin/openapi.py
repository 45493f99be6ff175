"""The OpenAPI document of the admin API, made from the declarations of its operations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

import sojourn
from sojourn.admin import api
from sojourn.admin.answers import Error
from sojourn.admin.endpoint import PLACEHOLDERS
from sojourn.admin.operation import OPERATIONS, PREFIX, Operation
from sojourn.admin.shapes import Nothing
from sojourn.core.errors import (
    AmbiguousCredentials,
    BadRequest,
    CrossSiteWrite,
    InsufficientScope,
    SessionEnded,
    SessionReplaced,
    SessionUnknown,
    StoreUnavailable,
    TokenRefused,
    Unauthorized,
)
from sojourn.engine.security.operators import SCOPES
from sojourn.http.errors import BodyTooLarge, BodyTooSlow, MisdirectedRequest, UnsupportedMediaType

__all__ = ["api", "openapi"]

_REF = "#/components/schemas/{name}"

_MEANING = {
    "sid": "Public id of a session.",
    "realm": "Name of a realm.",
    "kid": "Id of a signing key.",
    "key": "Key of a token.",
    "user": "Key of an account.",
    "group": "Key of a group or role.",
    "member": "Key of an account or group.",
    "provider": "Name of an identity provider.",
    "identity": "Key of an identity.",
    "number": "Number of a change in the log.",
}

#: What every operation may answer.
_ALWAYS = (BadRequest, BodyTooLarge, BodyTooSlow, UnsupportedMediaType, MisdirectedRequest, StoreUnavailable)
#: What every operation may answer that needs a login.
_OF_HANDLE = (
    *(AmbiguousCredentials, Unauthorized, SessionUnknown, SessionEnded, SessionReplaced, TokenRefused),
    CrossSiteWrite,
)

#: The groups of operations.
GROUPS = {
    "login": "Operators log in and out.",
    "keys": "Signing keys of the realms.",
    "tokens": "AuthTokens of accounts.",
    "providers": "Identity providers, and who somebody there is here.",
    "sessions": "Who is logged in, and why a session ended.",
    "ends": "Ending sessions.",
    "users": "Accounts.",
    "passwords": "New passwords for accounts.",
    "groups": "Groups and roles.",
    "scopes": "Grants of scopes.",
    "files": "Files of scripts in the engine database.",
    "audit": "The audit log.",
    "changes": "The change log of the databases of the application.",
    "undo": "Undo and redo of changes, by plan first.",
    "engine": "Counts, and the upkeep of the engine.",
}

_ABOUT = {
    "title": "Sojourn admin API",
    "version": sojourn.__version__,
    "description": (
        "Sessions of an engine, for operators. A request shows one authority: the token of the login as "
        "`Authorization: Bearer`, or the cookie of the admin origin. There is no CORS."
    ),
}

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-sojourn_admin",
        "description": "`sojourn_admin` on plain loopback.",
    },
}


def openapi() -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    kinds = [kind for each in OPERATIONS for kind in (each.query, each.body, each.answer) if kind is not Nothing]
    _, schemas = msgspec.json.schema_components([*dict.fromkeys(kinds), Error], ref_template=_REF)
    queries = {each.query.__name__ for each in OPERATIONS} - {each.body.__name__ for each in OPERATIONS}
    paths: dict[str, dict[str, Any]] = {}
    for operation in in_order():
        described = _operation(operation, schemas)
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = described
    kept = {name: schema for name, schema in schemas.items() if name not in queries}
    return {
        "openapi": "3.1.0",
        "info": _ABOUT,
        "tags": [{"name": name, "description": text} for name, text in GROUPS.items()],
        "paths": paths,
        "components": {"schemas": kept, "securitySchemes": _SCHEMES},
    }


def in_order() -> Sequence[Operation]:
    """The operations, a group after the other."""
    return sorted(OPERATIONS, key=lambda operation: list(GROUPS).index(operation.group))


def _operation(operation: Operation, schemas: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, description = operation.doc.partition("\n\n")
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.group],
        "summary": " ".join(summary.split()),
        **({"description": " ".join(description.split())} if description else {}),
        "security": [{"token": []}, {"cookie": []}] if operation.needs.login else [],
        **_rights(operation),
        "parameters": [*_placeholders(operation), *_parameters(operation, schemas)],
        "responses": _responses(operation),
    }
    if operation.body is not Nothing:
        required = bool(schemas[operation.body.__name__].get("required"))
        described["requestBody"] = {"required": required, "content": _json(_ref(operation.body))}
    return described


def _rights(operation: Operation) -> dict[str, Any]:
    needs = operation.needs
    if needs.right is None:
        return {}
    return {"x-sojourn-scopes": list(SCOPES[needs.right]), "x-sojourn-everywhere": needs.everywhere}


def _placeholders(operation: Operation) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", operation.path):
        schema = {"type": "string", "pattern": f"^{PLACEHOLDERS[name]}$", "description": _MEANING[name]}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _parameters(operation: Operation, schemas: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    if operation.query is Nothing:
        return
    shape = schemas[operation.query.__name__]
    for name, schema in shape["properties"].items():
        yield {"name": name, "in": "query", "required": name in shape.get("required", ()), "schema": _given(schema)}


def _given(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A parameter that may be left out is not null when it stands there."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return {**options[0], **rest}


def _responses(operation: Operation) -> dict[str, Any]:
    refusals = [*_ALWAYS, *(_OF_HANDLE if operation.needs.login else (CrossSiteWrite,)), *operation.raises]
    if operation.needs.right:
        refusals.append(InsufficientScope)
    kind = "application/jsonl" if operation.lines else "application/json"
    content = {kind: {"schema": _ref(operation.answer)}}
    found: dict[str, Any] = {"200": {"description": _first(operation.answer), "content": content}}
    for status in sorted({kind.status for kind in refusals}):
        codes = sorted({kind.code for kind in refusals if kind.status == status})
        found[str(status)] = {"description": ", ".join(codes), "content": _json(_ref(Error))}
    return found


def _first(kind: type[msgspec.Struct]) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0]


def _ref(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
