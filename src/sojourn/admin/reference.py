"""``docs/reference/admin-api.md``, made from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sojourn.admin.openapi import in_order, openapi

_HEAD = """\
# Admin API

On the admin listener (`http://127.0.0.1:8421` unless the [settings](settings.md) say otherwise), described by OpenAPI 3.1 at `/api/openapi.json`.
[A tour with curl](../howto/manage-sessions.md).

**Who asks.** An operator is an account of the directory `main` with a scope that begins with `engine.` or `security.` in some realm; everybody else is
refused like a wrong password. The session of an operator lives in a realm of the engine's own, which the application listener does not know; it ends
after 15 idle minutes, after 12 hours, at logout, and with the account. A request shows `Authorization: Bearer` or the cookie `__Host-sojourn_admin`
(`sojourn_admin` on plain loopback), never both: 400 `request.ambiguous_credentials`. With the cookie only our own pages act: 403 `request.cross_site`.
There is no CORS.

**What an operator may.** Scopes hold in the realm of their grant, or in every realm (`sojourn scopes grant NAME SCOPE [--realm R]`). What is not in the
operator's realms is not in any answer: lists and counts leave it out, by name or id it is 404.

| scope | gives |
|---|---|
| `engine.viewSessions` | sessions, ends, counts; of fields only names and sizes |
| `engine.manageSessions` | the same, and ending |
| `engine.viewFields` | values of fields; each look is audited |
| `security.viewUsers`, `security.manageUsers` | accounts, groups and roles: looking; changing too |
| `security.managePermissions` | granting and revoking the scopes that the operator has |
| `engine.deploy:<realm>`, `engine.deploy:*` | the files of scripts of a realm, of all realms and `shared`; who writes them acts as every user of the realm |
| `security.viewAudit` | the audit log of the realm; in every realm also the engine's own events |

Nobody acts on an account that has more than he has: [all rights](rights.md).

**Answers.** 200 with JSON, or `{"message", "code", "executionKey"}` ([all codes](errors.md)). Bodies are `application/json` up to 64 KB, of files 8 MiB; unknown members and
parameters are 400. Every act is in the audit log before it is done, and is not done when it cannot be written there. Ending what has ended answers
the first end.

**Several workers.** The admin listener belongs to the first worker process. Sessions, ends and counts come from the stores that all processes share;
what executes (`in-use`, `worker`), `abort`, `upkeep` and the counters of `/metrics` are those of that process alone, and what executes in others
is not spared by `drop-stateless`.
"""

#: What each operation refuses besides what all do.
_REFUSALS = {
    operation.name: sorted({f"{kind.status} `{kind.code}`" for kind in operation.raises}) for operation in in_order()
}

_FOOT = "\nThis page is generated from the code (`make docs`).\n"


def admin_reference() -> str:
    """The page."""
    document = openapi()
    parts = [_HEAD]
    for tag in document["tags"]:
        parts.append(f"\n## {tag['description'].rstrip('.')}\n")
        parts += [_operation(document, *found) for found in _tagged(document, tag["name"])]
    parts.append("\n## Objects\n")
    parts += [_object(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return "".join(parts) + _FOOT


def _tagged(document: Mapping[str, Any], tag: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield method.upper(), path, operation


def _operation(document: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> str:
    lines = [
        f"\n### `{method} {path}`\n",
        operation["summary"],
        operation.get("description", ""),
        _needs(operation),
        "",
    ]
    rows = [*_parameters(operation), *_members(document, operation)]
    if rows:
        lines += ["| takes | is | meaning |", "|---|---|---|", *rows, ""]
    ((media, content),) = operation["responses"]["200"]["content"].items()
    answer = ("lines of " if media == "application/jsonl" else "") + _kind(content["schema"])
    refusals = ", ".join(_REFUSALS[operation["operationId"]])
    lines.append(f"Answers {answer}." + (f" Refuses: {refusals}." if refusals else ""))
    return "\n".join(lines) + "\n"


def _needs(operation: Mapping[str, Any]) -> str:
    if not operation["security"]:
        return "Needs no login."
    scopes = [f"`{scope}`" for scope in operation.get("x-sojourn-scopes", ())]
    if not scopes:
        return "Needs a login."
    return f"Needs {' or '.join(scopes)}" + (" in every realm." if operation["x-sojourn-everywhere"] else ".")


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    for given in operation["parameters"]:
        place = "in the path" if given["in"] == "path" else "query"
        yield _row(f"`{given['name']}` ({place})", given["schema"])


def _members(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Iterator[str]:
    body = operation.get("requestBody")
    if body is None:
        return
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    for member, schema in document["components"]["schemas"][name]["properties"].items():
        yield _row(f"`{member}`", schema)


def _object(name: str, schema: Mapping[str, Any]) -> str:
    rows = "\n".join(_row(f"`{member}`", part) for member, part in schema["properties"].items())
    return f"\n### {name}\n\n{schema['description']}\n\n| member | is | meaning |\n|---|---|---|\n{rows}\n"


def _row(name: str, schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    shown = f" Default: `{default}`." if default not in (None, "") else ""
    meaning = schema.get("description") or next(
        (option["description"] for option in schema.get("anyOf", ()) if "description" in option), ""
    )
    return f"| {name} | {_kind(schema)} | {meaning}{shown} |"


def _kind(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    kind = str(schema.get("type", "any JSON"))
    if kind == "array":
        return f"array of {_kind(schema['items'])}"
    if kind in ("integer", "number") and "minimum" in schema:
        most = f" to {schema['maximum']}" if "maximum" in schema else " or more"
        return f"{kind} {schema['minimum']}{most}"
    return str(schema.get("format", kind))
