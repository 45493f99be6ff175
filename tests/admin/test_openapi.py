"""The published OpenAPI is what is served: anything at all that is sent gets a documented answer of the documented shape."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sojourn.admin.answers import Error
from sojourn.admin.openapi import openapi
from sojourn.admin.operation import OPERATIONS, PREFIX, Operation
from tests.admin.conftest import Begin, Hire
from tests.http.wire_client import Client, Pair

pytestmark = pytest.mark.anyio

DOCUMENT = openapi()
BY_NAME = {operation.name: operation for operation in OPERATIONS}
JSON_TYPE = ("content-type", "application/json")

AUDIT = "security.viewAudit"
texts = st.text(max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
anything = scalars | st.lists(scalars, max_size=3) | st.dictionaries(texts, st.lists(scalars) | scalars, max_size=3)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    if "$ref" in schema:
        return values(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return st.one_of([values(option) for option in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return TYPES[schema["type"]](schema)


def _object(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    properties = {name: values(part) for name, part in schema["properties"].items()}
    needed = {name: properties.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional=properties)


def _text(schema: dict[str, Any]) -> st.SearchStrategy[str]:
    if "{" in schema.get("pattern", ""):
        return st.sampled_from(["acme", "web", "nowhere"]) | st.from_regex(schema["pattern"], fullmatch=True)
    return st.sampled_from(["ana", "main", "x"]) | st.text(
        st.characters(exclude_categories=["C"]), min_size=schema.get("minLength", 0), max_size=20
    )


TYPES: dict[str, Callable[[dict[str, Any]], st.SearchStrategy[Any]]] = {
    "object": _object,
    "array": lambda schema: st.lists(values(schema["items"]), max_size=3),
    "string": _text,
    "integer": lambda schema: st.integers(schema.get("minimum"), schema.get("maximum")),
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
}


class Sent(NamedTuple):
    """One request, with `{sid}` in its path left for a live session."""

    operation: Operation
    method: str
    path: str
    headers: list[Pair]
    body: bytes
    #: Whether it shows the token of an operator.
    authorized: bool


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """Requests that are as the document says, or wild."""
    operation = BY_NAME[draw(st.sampled_from(sorted(BY_NAME)))]
    wild = draw(st.booleans())
    described = DOCUMENT["paths"][PREFIX + operation.path][operation.method.lower()]
    path = PREFIX + operation.path
    for name in re.findall(r"{(\w+)}", operation.path):
        known = {"sid": "{sid}", "realm": "acme", "kid": "0123456789abcdef"}.get(name, "2")
        value = draw(st.just(known) | st.text(max_size=50)) if wild else known
        path = path.replace("{" + name + "}", value if value == known else quote(value, safe=""))
    query = [
        (given["name"], str(draw(values(given["schema"]) | scalars if wild else values(given["schema"]))))
        for given in described["parameters"]
        if given["in"] == "query" and draw(st.booleans())
    ]
    query += draw(st.lists(st.tuples(texts, texts), max_size=1)) if wild else []
    path += "?" + "&".join(f"{quote(name)}={quote(value.encode('utf-8', 'replace'))}" for name, value in query)
    content = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    right = values(content).map(json.dumps) if content else st.just("")
    wrong = anything.map(json.dumps).map(str.encode) | st.binary(max_size=40)
    body = draw(right.map(str.encode) | wrong if wild else right.map(str.encode))
    kinds = st.sampled_from([JSON_TYPE, JSON_TYPE, ("content-type", "text/plain")]) if wild else st.just(JSON_TYPE)
    headers = [draw(kinds)] if body else []
    method = draw(st.sampled_from([operation.method] * 4 + ["PUT"])) if wild else operation.method
    # A logout would end what the others need.
    authorized = operation.name not in {"logout", "endEverything"} and draw(st.sampled_from([True, True, True, False]))
    return Sent(operation, method, path, headers, body, authorized)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(sent=requests())
async def test_whatever_is_sent_gets_a_documented_answer(
    admin: Client, hire: Hire, begin: Begin, state: dict[str, Any], sent: Sent
) -> None:
    if "token" not in state:
        state["token"] = await hire(
            "engine.manageSessions", "engine.viewFields", "security.manageKeys", AUDIT, name="olga-the-operator"
        )
        state["sid"] = (await begin(card="[1,2]")).session.id
        await begin("ben", "web")
    headers = [*sent.headers, state["token"]] if sent.authorized else sent.headers
    operation, path = sent.operation, sent.path.replace("{sid}", state["sid"])
    answer = await admin.request(sent.method, path, *headers, body=sent.body)
    described = DOCUMENT["paths"][PREFIX + operation.path][operation.method.lower()]["responses"]
    assert str(answer.status) in {*described, "404", "405"}, answer
    assert answer.status < 500, answer
    lines = operation.lines and answer.status == 200
    assert answer.header("content-type") == ("application/jsonl" if lines else "application/json")
    kind = operation.answer if answer.status == 200 else Error
    for document in answer.body.splitlines() if lines else [answer.body]:
        msgspec.json.decode(document, type=kind)


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    """What the first example made, for those after it."""
    return {}


@pytest.mark.parametrize(
    "headers",
    [
        (("authorization", "Bearer \xff\xfe"),),
        (("authorization", "Bearer " + "x" * 20_000),),
        (("cookie", "sojourn_admin=\xff; sojourn_admin=a"),),
        (("cookie", ";;=;sojourn_admin"),),
        (("content-length", "x"),),
        (("content-length", "9" * 30),),
        (("content-type", "application/json"), ("content-type", "application/json")),
        (("origin", "\x00"), ("sec-fetch-site", "\xff")),
    ],
)
async def test_odd_octets_in_headers_are_refused_not_failed_at(admin: Client, headers: tuple[Pair, ...]) -> None:
    for method, path in (("GET", "/api/v1/sessions"), ("POST", "/api/v1/login"), ("POST", "/api/v1/logout")):
        answer = await admin.request(method, path, *headers, body=b"{}" if method == "POST" else b"")
        assert 400 <= answer.status < 500, answer
        msgspec.json.decode(answer.body, type=Error)


async def test_the_document_is_published_and_complete(admin: Client) -> None:
    answer = await admin.get("/api/openapi.json")
    document = answer.json()
    assert document == json.loads(json.dumps(DOCUMENT))
    assert document["openapi"].startswith("3.1")
    assert sum(len(path) for path in document["paths"].values()) == len(OPERATIONS)
    named = set(re.findall(r'"#/components/schemas/(\w+)"', answer.body.decode()))
    assert named == set(document["components"]["schemas"])


async def test_a_head_of_what_can_be_got_has_no_body(admin: Client, hire: Hire) -> None:
    answer = await admin.request("HEAD", "/api/v1/sessions", await hire("engine.viewSessions"))
    assert (answer.status, answer.body) == (200, b"")
    refused = await admin.request("PUT", "/api/v1/sessions")
    assert (refused.status, refused.header("allow")) == (405, "GET, HEAD")


async def test_a_body_that_is_too_large_is_refused(admin: Client) -> None:
    answer = await admin.request("POST", "/api/v1/login", JSON_TYPE, body=b"{" + b" " * 70_000 + b"}")
    assert answer.status == 413
