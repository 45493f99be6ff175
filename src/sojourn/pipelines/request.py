"""What a pipeline is called with, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from sojourn.core import json
from sojourn.core.errors import BadRequest
from sojourn.core.json import Json

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1_000


class PipelineRequest(NamedTuple):
    """One request after the gateway; everything that was consumed as a credential is gone already."""

    method: str
    path: str
    path_params: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    content_type: str = ""
    body: bytes = b""
    #: Where the client is, for audit.
    address: str = ""
    execution_key: str = ""


class PipelineReply(NamedTuple):
    """The answer of a pipeline."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def input_message(request: PipelineRequest, *, parse_json: bool) -> dict[str, Any]:
    """The first message of a web trigger; raises ``InvalidJson`` for a JSON body that does not parse.

    With ``parse_json`` (REST) a JSON body becomes a value; any other body is text; no body is null.
    """
    essence = request.content_type.partition(";")[0].strip().lower() if request.content_type else ""
    return {
        "body": _body(request.body, essence, parse_json=parse_json),
        "form": _form(request.body) if essence == _FORM else {},
        "headers": request.headers,
        "queryAndPath": {**request.query, **request.path_params},
        "method": request.method,
        "contentType": request.content_type,
        "path": request.path,
    }


def _body(body: bytes, essence: str, *, parse_json: bool) -> Json:
    if not body:
        return None
    if parse_json and (essence == "application/json" or essence.endswith("+json")):
        value: Json = json.decode(body)
        return value
    return body.decode(errors="replace")


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise BadRequest(f"a form has at most {_MOST_FIELDS} fields") from None
