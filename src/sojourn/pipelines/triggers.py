"""From ``trigger:`` of a pipeline file to a :class:`~sojourn.pipelines.model.Trigger`, with every rule it must keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from sojourn.config.documents import Document
from sojourn.config.problems import Problem, Severity, nearest
from sojourn.config.sizes import BadSize, parse_size
from sojourn.core.errors import BadScope
from sojourn.model.scope import is_condition, is_reserved, parse_scope
from sojourn.pipelines.expressions import ExpressionError, Template, parse_template
from sojourn.pipelines.model import WEB, PrincipalKind, Trigger
from sojourn.pipelines.routes import BadRoute, Route, parse_route
from sojourn.pipelines.spec import METHODS, TriggerShape

MAX_REQUEST_SIZE: Final = 100_000_000

#: Keys that every trigger may have, and those of triggers that no request starts.
_COMMON = frozenset({"type", "timeout", "allowRedelivery"})
_UNASKED = {
    "event": frozenset({"eventName", "expiration"}),
    "scheduler": frozenset({"cronExpression", "timeZoneId", "retries", "concurrentScheduling"}),
}
_HTTP_ONLY = frozenset({"requestContentTypes", "responseContentTypes"})

#: Headers that the engine itself decides about.
_OWN_HEADERS = frozenset(
    {
        *("connection", "keep-alive", "transfer-encoding", "upgrade", "trailer", "te", "content-length", "date"),
        *("content-type", "www-authenticate", "authorization", "clear-site-data"),
        *("strict-transport-security", "access-control-allow-credentials"),
    }
)


class _Given(NamedTuple):
    """What a rule looks at."""

    document: Document
    shape: TriggerShape

    @property
    def keys(self) -> Iterable[str]:
        keys: dict[str, Any] = self.document.data["trigger"]
        return keys

    def problem(self, message: str, *path: str | int, severity: Severity = "error") -> Problem:
        return self.document.problem(("trigger", *path), message, severity=severity)


_Rule = Callable[[_Given], Iterator[Problem]]


def compile_trigger(document: Document, shape: TriggerShape, space: str, problems: list[Problem]) -> Trigger:
    """The trigger; ``space`` is the usual ``principalSpace``. What is wrong goes to ``problems``."""
    given = _Given(document, shape)
    for rule in _RULES:
        problems.extend(rule(given))
    web = shape.type in WEB
    return Trigger(
        type=shape.type,
        methods=frozenset(method.upper() for method in shape.methods) if web else frozenset(),
        api_key=shape.api_key,
        token_jwt=shape.token_jwt,
        tokens=frozenset(shape.tokens),
        basic_auth=shape.basic_auth,
        principals=_principals(shape),
        required_scopes=frozenset(_words(given, "requiredScopes", shape.required_scopes, problems)),
        grants=tuple(dict.fromkeys(_words(given, "grants", shape.grants, problems))),
        principal_space=shape.principal_space or space,
        routes=tuple(_routes(given, problems)),
        timeout=shape.timeout,
        timeout_status=shape.timeout_status,
        max_request_size=_size(given, problems),
        request_content_types=frozenset(shape.request_content_types),
        response_content_types=frozenset(shape.response_content_types),
        response_headers=tuple(_headers(given, problems)),
        touch=shape.touch,
    )


def _principals(shape: TriggerShape) -> frozenset[PrincipalKind]:
    if shape.principals is not None:
        return frozenset(shape.principals)
    return frozenset({"account", "external"}) if _authenticates(shape) else frozenset()


def _authenticates(shape: TriggerShape) -> bool:
    return shape.token_jwt or shape.basic_auth or bool(shape.tokens)


def _words(given: _Given, key: str, words: Iterable[str], problems: list[Problem]) -> Iterator[str]:
    for index, word in enumerate(words):
        try:
            yield parse_scope(word)
        except BadScope as error:
            problems.append(given.problem(error.message, key, index))


def _routes(given: _Given, problems: list[Problem]) -> Iterator[Route]:
    for index, text in enumerate(given.shape.routes):
        line = given.document.line(("trigger", "routes", index))
        try:
            yield Route(parse_route(text), line)
        except BadRoute as error:
            problems.append(given.problem(error.message, "routes", index))


def _size(given: _Given, problems: list[Problem]) -> int:
    written = given.shape.max_request_size
    try:
        size = parse_size(written) if isinstance(written, str) else written
    except BadSize as error:
        problems.append(given.problem(f"trigger.maxRequestSize: {error.message}", "maxRequestSize"))
        return 0
    if not 0 < size <= MAX_REQUEST_SIZE:
        problems.append(given.problem("trigger.maxRequestSize: 1 byte to 100MB", "maxRequestSize"))
    return size


def _headers(given: _Given, problems: list[Problem]) -> Iterator[tuple[str, Template]]:
    for name, value in given.shape.response_headers.items():
        try:
            yield name, parse_template(value, as_json=False)
        except ExpressionError as error:
            problems.append(given.problem(f"response header {name!r}: {error.located}", "responseHeaders", name))


# --- rules: each says what a trigger must not say ------------------------------------------------------------


def _kind_keys(given: _Given) -> Iterator[Problem]:
    kind = given.shape.type
    foreign = frozenset[str]().union(*(keys for other, keys in _UNASKED.items() if other != kind))
    for key in given.keys:
        own = key in _COMMON | _UNASKED[kind] if kind in _UNASKED else key not in foreign
        if not own or (kind != "http" and key in _HTTP_ONLY):
            yield given.problem(f"a trigger of type {kind} has no {key!r}", key)


def _later(given: _Given) -> Iterator[Problem]:
    shape = given.shape
    if shape.type not in WEB:
        yield given.problem(f"trigger type {shape.type!r} is not in effect in this version", "type", severity="note")
    if shape.allow_redelivery:
        yield given.problem(
            "trigger.allowRedelivery is not in effect in this version", "allowRedelivery", severity="note"
        )


def _methods(given: _Given) -> Iterator[Problem]:
    if not given.shape.methods:
        yield given.problem("trigger.methods is empty", "methods")
    for index, method in enumerate(given.shape.methods):
        if method.upper() not in METHODS:
            yield given.problem(f"{method!r} is no method{nearest(method, METHODS)}", "methods", index)


def _basic(given: _Given) -> Iterator[Problem]:
    if given.shape.basic_auth and given.shape.token_jwt:
        yield given.problem("basicAuth and tokenJwt would share the header Authorization: choose one", "basicAuth")
    elif given.shape.basic_auth and given.shape.tokens:
        yield given.problem("basicAuth and tokens would share the header Authorization: choose one", "basicAuth")


def _needs_token(given: _Given) -> Iterator[Problem]:
    shape = given.shape
    if shape.principals is not None and not shape.principals:
        yield given.problem("trigger.principals is empty: nobody could call", "principals")
    for key, is_set in (("requiredScopes", shape.required_scopes), ("principals", shape.principals)):
        if is_set and not _authenticates(shape):
            yield given.problem(f"trigger.{key} needs tokenJwt, tokens or basicAuth", key)
    for index, scope in enumerate(shape.required_scopes):
        if is_condition(scope):
            yield given.problem(f"scope {scope!r} names a script: that is no right", "requiredScopes", index)


def _reserved_grants(given: _Given) -> Iterator[Problem]:
    for index, scope in enumerate(given.shape.grants):
        if is_reserved(scope):
            yield given.problem(f"scope {scope!r} is reserved: no pipeline can grant it", "grants", index)


def _own_headers(given: _Given) -> Iterator[Problem]:
    for name in given.shape.response_headers:
        if name.lower() in _OWN_HEADERS:
            yield given.problem(f"response header {name!r} is set by the engine", "responseHeaders", name)


_RULES: tuple[_Rule, ...] = (
    _kind_keys,
    _later,
    _methods,
    _basic,
    _needs_token,
    _reserved_grants,
    _own_headers,
)
