"""What a pipeline must not say, and what it probably does not mean. A rule is a function that yields problems."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from msgspec import UNSET

from sojourn.config.problems import Problem, Severity
from sojourn.core.errors import SojournError
from sojourn.model.file_path import BadPath, parse_reference
from sojourn.model.realm import RealmConfig
from sojourn.pipelines.components.assertion import Assert
from sojourn.pipelines.components.jwt import Jwt, Operation, duration, scope_list
from sojourn.pipelines.components.login import Login
from sojourn.pipelines.components.script import Script
from sojourn.pipelines.components.session_management import Kind, SessionManagement, field_names
from sojourn.pipelines.components.session_management import Operation as Act
from sojourn.pipelines.components.session_operands import expected_versions, increment_text, patch_text
from sojourn.pipelines.components.throw_error import ThrowError
from sojourn.pipelines.issuing import lifetime
from sojourn.pipelines.model import WEB, Plan, Step, walk
from sojourn.pipelines.numbers import is_error_status, whole
from sojourn.pipelines.powers import TokenOrder
from sojourn.pipelines.scripts import MESSAGE

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


class _Subject(NamedTuple):
    """What a rule looks at."""

    plan: Plan
    realm: RealmConfig

    def steps(self) -> Iterator[Step]:
        """All steps, those of subflows after their own."""
        return walk(self.plan.flow)


_Rule = Callable[[_Subject], Iterator[Problem]]


def lint(plan: Plan, realm: RealmConfig) -> Iterator[Problem]:
    """Everything that is wrong with ``plan`` in a realm with that configuration."""
    subject = _Subject(plan, realm)
    for rule in _RULES:
        yield from rule(subject)


def _problem(step: Step, message: str, severity: Severity = "error") -> Problem:
    return Problem(step.file, step.line, f"step {step.name!r}: {message}", severity)


def _sessions(subject: _Subject) -> Iterator[tuple[Step, SessionManagement]]:
    for step in subject.steps():
        if isinstance(step.bound.params, SessionManagement):
            yield step, step.bound.params


def _tokens(subject: _Subject) -> Iterator[tuple[Step, Jwt]]:
    for step in subject.steps():
        if isinstance(step.bound.params, Jwt):
            yield step, step.bound.params


def _global_needs_token(subject: _Subject) -> Iterator[Problem]:
    trigger = subject.plan.trigger
    for step, params in _sessions(subject):
        if params.session_type is not Kind.GLOBAL:
            continue
        if trigger.type not in WEB or not trigger.token_jwt:
            yield _problem(step, "a GLOBAL session needs a REST or HTTP trigger with tokenJwt: true")
        if trigger.tokens:
            yield _problem(step, "a GLOBAL session needs a JWT, and trigger.tokens admits other tokens")


def _scoped_global(subject: _Subject) -> Iterator[Problem]:
    for step, params in _sessions(subject):
        if params.session_type is Kind.GLOBAL and params.scoped:
            yield _problem(step, "scoped means nothing for a GLOBAL session", "warning")


def _field_names(subject: _Subject) -> Iterator[Problem]:
    for step, params in _sessions(subject):
        names = field_names(params.fields)
        if not names:
            yield _problem(step, "no fields are named")
        for name in names:
            if "." in name or "$" in name:
                yield _problem(step, f"field {name!r}: names are literal properties of the message, no paths")


def _operands(subject: _Subject) -> Iterator[Problem]:
    for step, params in _sessions(subject):
        operation = params.operation
        for key, given, own in (
            ("by", params.by != 1, (Act.INCREMENT,)),
            ("item", params.item is not UNSET, (Act.APPEND,)),
            ("patch", params.patch is not UNSET, (Act.MERGE,)),
            ("ifVersion", params.if_version is not UNSET, (Act.PUT, Act.DELETE)),
        ):
            if given and operation not in own:
                yield _problem(step, f"{key} goes with {' and '.join(own)}, not with {operation.value}")
            if not given and own in ((Act.APPEND,), (Act.MERGE,)) and operation in own:
                yield _problem(step, f"{operation.value} needs {key!r}")


def _versions(subject: _Subject) -> Iterator[Problem]:
    for step, params in _sessions(subject):
        local = params.session_type is Kind.LOCAL
        for key, given in (("ifVersion", params.if_version is not UNSET), ("versions", bool(params.versions))):
            if given and local:
                yield _problem(step, f"{key} needs sessionType GLOBAL: LOCAL values have no versions")
        if params.versions in field_names(params.fields):
            yield _problem(step, f"versions: {params.versions!r} is one of the fields")


def _fixed_operands(subject: _Subject) -> Iterator[Problem]:
    for step, params in _sessions(subject):
        for attribute, check in (("by", _check_by), ("patch", _check_patch), ("if_version", _check_versions)):
            if getattr(params, attribute) is not UNSET and _fixed(step, attribute):
                try:
                    check(params)
                except SojournError as error:
                    yield _problem(step, error.message)


def _grants(subject: _Subject) -> Iterator[Problem]:
    """Without a login step every session is an external principal's."""
    if any(isinstance(step.bound.params, Login) for step in subject.steps()):
        return
    for step, params in _tokens(subject):
        if (
            params.operation is not Operation.GENERATE
            or params.renew
            or params.scopes is None
            or not _fixed(step, "scopes")
        ):
            continue
        for scope in _scopes(params):
            if scope not in subject.plan.trigger.grants:
                yield _problem(step, f"scope {scope!r} is not in the trigger's grants")


def _scope_words(subject: _Subject) -> Iterator[Problem]:
    for step, params in _tokens(subject):
        if params.scopes is not None and _fixed(step, "scopes"):
            try:
                scope_list(params.scopes)
            except SojournError as error:
                yield _problem(step, error.message)


def _lifetimes(subject: _Subject) -> Iterator[Problem]:
    for step, params in _tokens(subject):
        for attribute, check in (("expires_in", _check_life), ("idle", _check_idle)):
            if _fixed(step, attribute):
                try:
                    check(params, subject.realm)
                except SojournError as error:
                    yield _problem(step, error.message)


def _error_codes(subject: _Subject) -> Iterator[Problem]:
    for step in subject.steps():
        params = step.bound.params
        if isinstance(params, Assert | ThrowError) and _fixed(step, "error_code"):
            try:
                valid = is_error_status(whole(params.error_code, "errorCode"))
            except SojournError:
                valid = False
            if not valid:
                yield _problem(step, f"errorCode {params.error_code!r} is no status from 400 to 599")


def _scripts(subject: _Subject) -> Iterator[Problem]:
    for step in subject.steps():
        params = step.bound.params
        if not isinstance(params, Script):
            continue
        try:
            parse_reference(params.script)
        except BadPath as error:
            yield _problem(step, error.message)
            continue
        if not params.script.startswith(("ufs:/", "vfs:")):
            yield _problem(step, f"{params.script!r} is no script: write ufs:/… or vfs:/…")
        for name in params.parameters:
            if name == MESSAGE or not _IDENTIFIER.fullmatch(name):
                yield _problem(step, f"parameter {name!r} is no name of a global variable of its own")


def _check_life(params: Jwt, realm: RealmConfig) -> None:
    lifetime(TokenOrder(expires_in=whole(params.expires_in, "expiresIn")), realm)


def _check_idle(params: Jwt, _realm: RealmConfig) -> None:
    duration(params.idle, "idle")


def _check_by(params: SessionManagement) -> None:
    increment_text(params.by)


def _check_patch(params: SessionManagement) -> None:
    patch_text(params.patch)


def _check_versions(params: SessionManagement) -> None:
    expected_versions(params.if_version, field_names(params.fields))


def _scopes(params: Jwt) -> tuple[str, ...]:
    try:
        return scope_list(params.scopes or ())
    except SojournError:
        return ()


def _fixed(step: Step, attribute: str) -> bool:
    """Whether a parameter says the same for every message."""
    return all(attribute != templated for templated, _, _ in step.bound.templates)


_RULES: tuple[_Rule, ...] = (
    _global_needs_token,
    _scoped_global,
    _field_names,
    _operands,
    _versions,
    _fixed_operands,
    _scope_words,
    _grants,
    _lifetimes,
    _error_codes,
    _scripts,
)
