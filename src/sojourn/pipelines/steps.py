"""From the steps of a pipeline file to a flow: components bound, parameters checked, expressions compiled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sojourn.config.binding import bind, label
from sojourn.config.documents import Document, document_of
from sojourn.config.problems import Problem, nearest, shown
from sojourn.pipelines.bound import Bound, Faulty, compile_params
from sojourn.pipelines.bound import place as path_of
from sojourn.pipelines.component import ON_EXCEPTION, ON_PROCESS, OTHERWISE, Component, Params
from sojourn.pipelines.components import REGISTRY
from sojourn.pipelines.conditions import Condition, compile_condition, when_name
from sojourn.pipelines.expressions import ExpressionError
from sojourn.pipelines.model import Flow, Step
from sojourn.pipelines.spec import StepShape

_Path = tuple[str | int, ...]

#: Which keys of subflows belong to a component.
_KEYS = {"none": (), "block": (ON_PROCESS, ON_EXCEPTION), "choice": ("when", OTHERWISE)}


class _Place(NamedTuple):
    """Where a step stands, and where its problems go."""

    document: Document
    path: _Path
    name: str
    problems: list[Problem]

    def problem(self, message: str, *path: str | int) -> None:
        where = (*self.path, *path)
        self.problems.append(self.document.problem(where, f"step {shown(self.name)}: {message}"))


def compile_flow(document: Document, path: _Path, shapes: Sequence[StepShape], problems: list[Problem]) -> Flow:
    """The flow at ``path`` of ``document``; what is wrong goes to ``problems``, and the step with it is left out."""
    places = ((_Place(document, (*path, index), shape.step, problems), shape) for index, shape in enumerate(shapes))
    return tuple(step for place, shape in places for step in _compile_step(place, shape))


def _compile_step(place: _Place, shape: StepShape) -> Iterator[Step]:
    component = REGISTRY.get(shape.component)
    if component is None:
        message = f"unknown component {shown(shape.component)}{nearest(shape.component, REGISTRY)}"
        place.problem(message, "component")
        return
    _check_flows(place, shape, component)
    flows = {
        name: compile_flow(place.document, (*place.path, *where), inner, place.problems)
        for name, where, inner in _subflows(shape)
    }
    bound, conditions = _bind_params(place, shape, component), tuple(_conditions(place, shape))
    if bound is not None:
        yield Step(
            name=shape.step,
            component=component,
            bound=bound,
            flows=flows,
            conditions=conditions,
            fails=getattr(bound.params, "fail_on_error", True),
            file=place.document.file,
            line=place.document.line(place.path),
        )


def _subflows(shape: StepShape) -> Iterator[tuple[str, _Path, Sequence[StepShape]]]:
    """Name, place and steps of each subflow that is there."""
    for number, branch in enumerate(shape.when or ()):
        yield when_name(number), ("when", number, "flow"), branch.flow
    for name, steps in (
        (OTHERWISE, shape.otherwise),
        (ON_PROCESS, shape.on_process),
        (ON_EXCEPTION, shape.on_exception),
    ):
        if steps or (steps is not None and name == OTHERWISE):
            yield name, (name,), steps


def _check_flows(place: _Place, shape: StepShape, component: Component) -> None:
    given = {
        ON_PROCESS: shape.on_process,
        ON_EXCEPTION: shape.on_exception,
        "when": shape.when,
        OTHERWISE: shape.otherwise,
    }
    for key, value in given.items():
        if value is not None and key not in _KEYS[component.flows]:
            place.problem(f"component {component.name!r} has no {key!r}", key)
    if component.flows == "block" and not shape.on_process:
        place.problem("onProcess is empty", ON_PROCESS)
    if component.flows == "choice" and not shape.when:
        place.problem("a choice needs 'when'", "when")
    if component.flows == "choice" and shape.otherwise is None:
        place.problem("a choice needs 'otherwise'", OTHERWISE)


def _bind_params(place: _Place, shape: StepShape, component: Component) -> Bound | None:
    params = _read_params(place, shape, component)
    if params is None:
        return None
    faults: list[Faulty] = []
    bound = compile_params(params, faults)
    for name, error in faults:
        place.problem(f"parameter {path_of(name, error)!r}: {error.located}", "params", name, *error.path)
    return bound


def _read_params(place: _Place, shape: StepShape, component: Component) -> Params | None:
    path = (*place.path, "params")
    document = place.document
    if not shape.params:
        document, path = document_of(document.file, {"params": {}}, document.line(place.path)), ("params",)
    found: list[Problem] = []
    params = bind(document, path, component.params, found)
    written = label(path).removesuffix(": ")
    for problem in found:
        message = f"step {shown(place.name)}: params{problem.message.removeprefix(written)}"
        place.problems.append(problem._replace(message=message))
    return params


def _conditions(place: _Place, shape: StepShape) -> Iterator[Condition]:
    for number, branch in enumerate(shape.when or ()):
        try:
            yield compile_condition(when_name(number), branch.condition)
        except ExpressionError as error:
            place.problem(f"condition {when_name(number)}: {error.located}", "when", number, "condition")
