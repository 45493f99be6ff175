"""What a script has made of a request, on its way to the wire: its answer, or what the client is told of its failure."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Any, Final

from sojourn.core.errors import (
    Conflict,
    FieldLimit,
    Forbidden,
    InsufficientScope,
    SojournError,
    TooManyTries,
    Unauthorized,
    Unavailable,
)
from sojourn.core.json import encode
from sojourn.data.errors import (
    BadValue,
    ConstraintFailed,
    QueryTimeout,
    RecordConflict,
    ResultTooLarge,
    StatementRefused,
)
from sojourn.data.keys import KeyLimit
from sojourn.http.outgoing import SANDBOX, is_active
from sojourn.http.replies import JSON, NO_STORE, RETRY, Reply, challenge, error_reply, json_reply
from sojourn.http.wire import Header
from sojourn.scripting.errors import ScriptFailed, ScriptOutputTooLarge
from sojourn.scripting.exchange import Exchange
from sojourn.scripting.forms import BadForm
from sojourn.scripting.response import ScriptResponse
from sojourn.scripting.values import UNDEFINED, BigInt, Value

_TEXT: Final = "text/plain; charset=utf-8"
_OCTETS: Final = "application/octet-stream"
_BODILESS: Final = frozenset({204, 205, 304})

#: Errors of ours that the client is told when a script lets one through; all others are the script's mistake.
_PASSED: Final = (
    Unauthorized,
    Forbidden,
    Conflict,
    TooManyTries,
    FieldLimit,
    Unavailable,
    ScriptOutputTooLarge,
    BadForm,
    BadValue,
    KeyLimit,
    QueryTimeout,
    ResultTooLarge,
)

#: Of these, what is the mistake of who wrote the statement all the same.
_OF_AUTHORS: Final = (StatementRefused,)

#: What is told in the general words of its class: the own ones name tables, columns and values.
_GENERAL: Final = (BadValue, ConstraintFailed, RecordConflict)

_MOST_MESSAGE: Final = 2_000


def script_reply(value: Value, exchange: Exchange, *, html: bool, personal: bool, realm: str) -> Reply:
    """The answer of a script whose last value is ``value``.

    What the script has written, or where it has sent the client, is the answer; else the value is: an object or array as
    JSON, a string as text, nothing as 204. ``html``: whether a browser may run it as a page; ``personal``: whether no
    cache may keep it.
    """
    response = exchange.response
    if response.written or response.stopped:
        value = UNDEFINED
    kind, body = (_TEXT, response.body) if value == UNDEFINED else _body(value)
    nothing = not body and value == UNDEFINED
    status = response.status or (204 if nothing else 200)
    kind = _with_charset(response.header("content-type")) or ("" if nothing else kind)
    headers: list[Header] = [(b"content-type", kind.encode("latin-1"))] if kind else []
    if kind and is_active(kind) and not html:
        headers.append(SANDBOX)
    headers += _plain(response, personal=personal)
    headers += [(b"set-cookie", cookie.encode("latin-1")) for cookie in response.cookies]
    if personal or response.cookies:
        headers.append(NO_STORE)
    headers += _by_status(status, realm, headers)
    if status in _BODILESS:
        return Reply(status, b"", tuple(headers))
    return Reply(status, body, tuple(headers), pack=response.content_encoding == "gzip")


def failure_reply(failure: ScriptFailed, exchange: Exchange, execution_key: str, realm: str) -> Reply:
    """What the client is told of a script that has failed: what the script says with an HttpError, what we refused it,
    else nothing but the name of the execution.
    """
    thrown = failure.thrown if isinstance(failure.thrown, Mapping) else {}
    raised = exchange.raised
    if raised is not None and thrown.get("code") == raised.code and _passes(raised):
        return error_reply(_for_clients(raised), execution_key, realm, general=isinstance(raised, _GENERAL))
    status = failure.http_status
    if status is not None:
        return _http_error(failure, status, thrown, execution_key, realm)
    return error_reply(failure, execution_key, realm)


def _passes(raised: SojournError) -> bool:
    return isinstance(raised, _PASSED) and not isinstance(raised, _OF_AUTHORS)


def _for_clients(raised: SojournError) -> SojournError:
    """A refusal without the name of the function that a script has called: that is for its developer."""
    kind = type(raised)
    return kind() if kind in (Unauthorized, InsufficientScope) else raised


def expected(failure: ScriptFailed) -> bool:
    """Whether a script has failed as it means to: an HttpError below 500."""
    status = failure.http_status
    return status is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR


def _http_error(failure: ScriptFailed, status: int, thrown: Mapping[str, Any], execution_key: str, realm: str) -> Reply:
    body = {"message": failure.text[:_MOST_MESSAGE] or _phrase(status), "code": f"http.{status}"}
    solution = thrown.get("solution")
    if isinstance(solution, str) and solution:
        body["solution"] = solution[:_MOST_MESSAGE]
    return json_reply(status, body | {"executionKey": execution_key}, *_by_status(status, realm, ()))


def _phrase(status: int) -> str:
    known = {one.value: one.phrase for one in HTTPStatus}
    return known.get(status, "Error")


def _by_status(status: int, realm: str, headers: list[Header] | tuple[Header, ...]) -> tuple[Header, ...]:
    if status == HTTPStatus.UNAUTHORIZED:
        return (challenge(realm),)
    if status == HTTPStatus.SERVICE_UNAVAILABLE and all(name != RETRY[0] for name, _ in headers):
        return (RETRY,)
    return ()


def _plain(response: ScriptResponse, *, personal: bool) -> list[Header]:
    kept = [(name.lower(), value) for name, value in response.headers.items() if name.lower() != "content-type"]
    if personal or response.cookies:
        kept = [(name, value) for name, value in kept if name not in ("cache-control", "expires")]
    return [(name.encode(), value.encode("latin-1")) for name, value in kept]


def _with_charset(kind: str) -> str:
    """``kind`` with the charset that the body has where the script names none; only text has one."""
    return f"{kind}; charset=utf-8" if kind.lower().startswith("text/") and "charset" not in kind.lower() else kind


def _body(value: Value) -> tuple[str, bytes]:
    """Content type and body of a value."""
    if isinstance(value, str):
        return _TEXT, value.encode()
    if isinstance(value, bytes):
        return _OCTETS, value
    return JSON[1].decode(), encode(_plain_json(value))


def _plain_json(value: Value) -> Any:
    """``value`` as ``JSON.stringify`` would have it; bytes as Base64."""
    if isinstance(value, dict):
        return {name: _plain_json(item) for name, item in value.items() if item != UNDEFINED}
    if isinstance(value, list):
        return [_plain_json(item) for item in value]
    return _plain_number(value) if isinstance(value, float | BigInt) else _plain_other(value)


def _plain_number(value: float) -> Any:
    # As a Decimal a BigInt keeps its digits, however many there are.
    return Decimal(value) if isinstance(value, BigInt) else (value or 0) if math.isfinite(value) else None


def _plain_other(value: Value) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return None if value == UNDEFINED else value
