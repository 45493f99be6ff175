"""The parameters of one step: checked, and their expressions compiled, when the pipeline is loaded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from sojourn.core.json import Json
from sojourn.pipelines.component import Parameter, Params, parameters
from sojourn.pipelines.errors import ExpressionFailed
from sojourn.pipelines.expressions import ExpressionError, Scope, Template, parse_template

_PLAIN_PATH = re.compile(r"\{\{\s*message((?:\.[A-Za-z_][\w-]*)+)\s*\}\}")
_NOWHERE = Scope(None)


class Faulty(NamedTuple):
    """A parameter whose expression cannot be compiled."""

    parameter: str
    error: ExpressionError


class Bound(NamedTuple):
    """Parameters that wait for a message."""

    params: Params
    #: Attribute, name and template of each parameter that depends on the scope.
    templates: tuple[tuple[str, str, Template], ...] = ()
    #: Of each parameter that is exactly ``{{ message.a.b }}``: the path, without ``message``.
    paths: Mapping[str, tuple[str, ...]] = {}

    def render(self, scope: Scope) -> Params:
        """The parameters for one message; raises :class:`ExpressionFailed`."""
        values: dict[str, Json] = {}
        for attribute, name, template in self.templates:
            try:
                values[attribute] = template.render(scope)
            except ExpressionError as error:
                raise ExpressionFailed(f"parameter {place(name, error)!r}: {error.located}") from error
        return msgspec.structs.replace(self.params, **values)


def place(name: str, error: ExpressionError) -> str:
    """Where in the parameter ``name`` an error is: ``json.cart.sku``."""
    return ".".join(map(str, (name, *error.path)))


def compile_params(params: Params, faults: list[Faulty]) -> Bound:
    """``params`` as they were read, with their templates compiled; those that cannot be are added to ``faults``."""
    constants: dict[str, Json] = {}
    templates = []
    for parameter in parameters(type(params)):
        try:
            template = _template(parameter, getattr(params, parameter.attribute))
            if template is not None and template.constant:
                constants[parameter.attribute] = template.render(_NOWHERE)
            elif template is not None:
                templates.append((parameter.attribute, parameter.name, template))
        except ExpressionError as error:
            faults.append(Faulty(parameter.name, error))
    return Bound(msgspec.structs.replace(params, **constants), tuple(templates), _paths(params))


def _template(parameter: Parameter, value: Any) -> Template | None:
    """The template of a parameter; None where expressions have no place. Raises :class:`ExpressionError`."""
    if parameter.template is None or value is None or value is msgspec.UNSET:
        return None
    written = list(value) if isinstance(value, tuple) else value
    return parse_template(written, as_json=parameter.template == "json")


def _paths(params: Params) -> Mapping[str, tuple[str, ...]]:
    found = {}
    for parameter in parameters(type(params)):
        value = getattr(params, parameter.attribute)
        match = _PLAIN_PATH.fullmatch(value) if isinstance(value, str) else None
        if match is not None and parameter.template is not None:
            found[parameter.name] = tuple(match[1].split(".")[1:])
    return found
