"""One path of the admin API: checks in the order of the product, then the operation, then its answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from sojourn.admin.authority import Authority
from sojourn.admin.guard import ARRIVAL, send_whole
from sojourn.admin.operation import Asked, Operation, Plane, Reply
from sojourn.admin.shapes import Shape
from sojourn.core.errors import BadRequest, CrossSiteWrite, NotFound, SojournError
from sojourn.core.json import Json, encode
from sojourn.engine.security.operators import Operator
from sojourn.http import crosssite, replies
from sojourn.http.body import check_announced
from sojourn.http.call import Call
from sojourn.http.errors import ClientGone, MethodNotAllowed
from sojourn.http.handles import parse_query
from sojourn.http.replies import JSON, NO_STORE, error_reply
from sojourn.http.requests import json_body
from sojourn.http.wire import Head, Header, Receive, Scope, Send
from sojourn.model.realm import Realm

logger = logging.getLogger("sojourn.admin")

S = TypeVar("S", bound=Shape)

#: What a placeholder of a path may hold; anything else is not found.
PLACEHOLDERS = {
    "sid": "[A-Za-z0-9_-]{43}",
    "realm": "[a-z0-9][a-z0-9_-]{0,59}",
    "kid": "[A-Za-z0-9_-]{16}",
    "key": "[0-9]{1,15}",
    "user": "[1-9][0-9]{0,14}",
    "group": "[1-9][0-9]{0,14}",
    "member": "[1-9][0-9]{0,14}",
    "provider": "[a-z0-9][a-z0-9_-]{0,59}",
    "identity": "[0-9]{1,18}",
    "number": "[1-9][0-9]{0,17}",
}

#: What an answer in lines is.
JSON_LINES: Header = (b"content-type", b"application/jsonl")

_NO_REALMS: Sequence[Realm] = ()


class Endpoint:
    """ASGI application of one path."""

    def __init__(self, operations: Sequence[Operation], plane: Plane, authority: Authority) -> None:
        self._operations: dict[str, Operation] = {operation.method: operation for operation in operations}
        self._plane = plane
        self._authority = authority

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever is refused is told in the one shape of errors."""
        call = Call(scope, receive, Head(scope["headers"]), scope[ARRIVAL])
        try:
            value, headers = await self._answer(call)
        except ClientGone:
            return
        except SojournError as error:
            refused = error_reply(error, call.execution_key)
            await self._refused(call, error)
            await send_whole(scope, send, refused)
            return
        body, kind = _content(value)
        await send_whole(scope, send, replies.Reply(200, body, (kind, NO_STORE, *headers)))

    async def _answer(self, call: Call) -> Reply:
        operation = self._operation(call)
        path = _path(call.scope["path_params"])
        await check_announced(call.receive, call.head, operation.most)
        operator, realms = await self._admitted(call, operation)
        query = _converted(_parameters(call), operation.query, strict=False)
        body = await json_body(call, operation.most)
        asked = Asked(
            plane=self._plane,
            call=call,
            path=path,
            query=query,
            body=_converted({} if body is None else body, operation.body),
            operator=operator,
            realms=realms,
        )
        done = await self._run(operation, asked)
        return done if isinstance(done, Reply) else Reply(done)

    def _operation(self, call: Call) -> Operation:
        found = self._operations.get("GET" if call.method == "HEAD" else call.method)
        if found is None:
            methods = sorted(self._operations)
            raise MethodNotAllowed([*methods, "HEAD"] if "GET" in methods else methods)
        return found

    async def _admitted(self, call: Call, operation: Operation) -> tuple[Operator | None, Sequence[Realm]]:
        needs = operation.needs
        if not needs.login:
            if not (operation.reads or crosssite.is_ours(call.head, call.arrival)):
                raise CrossSiteWrite
            return None, _NO_REALMS
        access = await self._authority.open(call)
        operator = await self._plane.operators.acting(access)
        if not operation.reads:
            access.writable()
        if needs.right is not None:
            operator.check(needs.right, everywhere=needs.everywhere)
        if not access.read_only:
            await self._plane.rules.sessions.touch(access)
        return operator, operator.realms(needs.right) if needs.right else _NO_REALMS

    async def _run(self, operation: Operation, asked: Asked[Any, Any]) -> Shape | Reply:
        if operation.reads or asked.operator is None:
            return await operation.run(asked)
        # What is asked is written before it is done, and it is not done where that cannot be written.
        await self._audited(operation, asked, asked.operator, "")
        try:
            return await operation.run(asked)
        except SojournError as error:
            await self._audited(operation, asked, asked.operator, error.code)
            raise

    async def _audited(self, operation: Operation, asked: Asked[Any, Any], operator: Operator, failure: str) -> None:
        body: Json = msgspec.to_builtins(asked.body)
        detail: dict[str, Json] = {"act": operation.name, **asked.path, "asked": body}
        await self._plane.rules.audit.record(
            "ADMIN",
            realm=operator.access.realm.id,
            outcome="failed" if failure else "ok",
            actor=operator.name,
            session=operator.access.session.id,
            address=asked.call.arrival.address,
            detail=detail | ({"failure": failure} if failure else {}),
        )

    async def _refused(self, call: Call, error: SojournError) -> None:
        if error.status >= 500:  # noqa: PLR2004 - the HTTP status is its own name
            logger.warning("%s: %s", error.code, error.message, extra={"executionKey": call.execution_key})
        if error.status in (401, 403):
            await self._plane.rules.audit.refused(
                error.code, call.arrival.address, realm=self._plane.operators.realm.id
            )


def _content(value: Shape | Sequence[Shape]) -> tuple[bytes, Header]:
    if isinstance(value, Shape):
        return encode(value), JSON
    return b"".join(encode(line) + b"\n" for line in value), JSON_LINES


def _path(given: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in given.items():
        if re.fullmatch(PLACEHOLDERS[name], value) is None:
            raise NotFound
    return given


def _parameters(call: Call) -> dict[str, str]:
    pairs = parse_query(call.query)
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRequest("a parameter stands twice")
    return found


def _converted(value: object, kind: type[S], *, strict: bool = True) -> S:
    try:
        return msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from None
