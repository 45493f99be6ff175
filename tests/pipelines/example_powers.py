"""The world in which the examples of components are executed: one account, one session, no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.model.field import DEFAULT_LIMITS, Changed, Field, Op, apply
from sojourn.model.user import Account
from sojourn.pipelines.errors import NoSession, ScriptStepFailed, StepFailed
from sojourn.pipelines.powers import ApplyOrder, DocumentOrder, QueryOrder, ScriptOrder, TokenOrder

CLAIMS: Mapping[str, Json] = {"sub": "ana", "realm": "acme"}
ACCOUNT = Account(key=7, directory="main", name="ana", scopes=frozenset({"cart.read", "cart.write"}))


def _price(order: ScriptOrder) -> Json:
    message: Any = order.message
    return {"total": sum(item["qty"] * item["price"] for item in message["items"])}


def _discount(order: ScriptOrder) -> Json:
    message: Any = order.message
    percent: Any = order.parameters["percent"]
    return {"total": message["total"] * (100 - percent) // 100}


def _note(order: ScriptOrder) -> Json:
    return order.message


def _refuse(order: ScriptOrder) -> Json:
    raise ScriptStepFailed(f"{order.script}: Error: out of stock")


def _missing(order: ScriptOrder) -> Json:
    raise ScriptStepFailed(f"{order.script}: HttpError: no such cart", 404)


#: What the scripts of the examples do.
SCRIPTS: Mapping[str, Callable[[ScriptOrder], Json]] = {
    "ufs:/price.js": _price,
    "ufs:/discount.js": _discount,
    "ufs:/note.js": _note,
    "ufs:/refuse.js": _refuse,
    "ufs:/missing.js": _missing,
}


class ExamplePowers:
    """Powers over fields in memory."""

    def __init__(self, fields: Mapping[str, Json] | None) -> None:
        self._fields = None if fields is None else {name: _field(value) for name, value in fields.items()}

    async def fields(self) -> Mapping[str, Field]:
        if self._fields is None:
            raise NoSession
        return self._fields

    async def change(self, ops: Sequence[Op]) -> Changed:
        fields = dict(await self.fields())
        applied = apply(ops, fields, DEFAULT_LIMITS)
        for name, text in applied.writes.items():
            fields.pop(name, None)
            if text is not None:
                fields[name] = Field(2, text)
        self._fields = fields
        return Changed(2, applied.values)

    async def authenticate(self, user_name: str, password: str) -> Account | None:
        return ACCOUNT if (user_name, password) == ("ana", "correct") else None

    async def generate(self, order: TokenOrder) -> str:
        return f"token of {order.claims}"

    async def run_script(self, order: ScriptOrder) -> Json:
        return SCRIPTS[order.script](order)

    async def documents(self, order: DocumentOrder) -> Json:
        if order.operation == "FIND":
            return {"data": [{"total": 10, "_oId": "A-1"}], "rowCount": 1}
        if order.operation == "AGGREGATE":
            return {"data": [{"_id": "Recife", "sum": 30}], "rowCount": 1}
        documents = order.document if isinstance(order.document, list) else [order.document]
        ids = [order.object_id or str(number) for number in range(1, len(documents) + 1)]
        data = [{"_oId": one} for one in ids] if order.operation == "INSERT" else []
        return {"data": data, "updateCount": len(ids)}

    async def query(self, order: QueryOrder) -> Json:
        return {"data": [{"iKey": 1, "name": "bicycle"}], "rowCount": 1}

    async def apply(self, order: ApplyOrder) -> Json:
        return {"data": [], "updateCount": len(order.rows), "version": 7}

    async def revoke(self) -> None:
        if self._fields is None:
            raise StepFailed("the request has no token", 401)


def _field(value: Json) -> Field:
    return Field(1, json.encode_text(value))
