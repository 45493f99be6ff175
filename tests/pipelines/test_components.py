"""Every example of every component is executed; declarations that cannot be used are refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import pytest

from sojourn.config.documents import document_of
from sojourn.config.problems import Problem
from sojourn.core.errors import SojournError
from sojourn.core.json import Json
from sojourn.pipelines.component import (
    EXAMPLE_CLOCK,
    REGISTRY,
    BadDeclaration,
    Component,
    Example,
    Outcome,
    Params,
    View,
    component,
    doc,
    parameters,
)
from sojourn.pipelines.components import session_management
from sojourn.pipelines.effects import Effect
from sojourn.pipelines.errors import error_message
from sojourn.pipelines.execution import Execution, Frame
from sojourn.pipelines.flow import run_flow
from sojourn.pipelines.local import LocalSession
from sojourn.pipelines.model import Step
from sojourn.pipelines.spec import StepShape
from sojourn.pipelines.steps import compile_flow
from tests.pipelines.example_powers import CLAIMS, ExamplePowers

pytestmark = pytest.mark.anyio

DECLARED = dict(REGISTRY)
CASES = [
    pytest.param(declared, example, id=f"{declared.name}: {example.title}")
    for declared in DECLARED.values()
    for example in declared.examples
]


def compiled(declared: Component, example: Example) -> Step:
    raw: dict[str, Any] = {"step": "example", "component": declared.name, "params": dict(example.params)}
    raw |= example.step
    problems: list[Problem] = []
    shape = msgspec.convert(raw, StepShape)
    (step,) = compile_flow(document_of("example.yaml", {"flow": [raw]}), ("flow",), [shape], problems)
    assert not problems
    return step


def recorded(step: Step, effects: list[Effect]) -> Step:
    """``step`` with a component that also notes what it asks for."""

    def run(p: Params, message: Json, view: View) -> Outcome:
        outcome = step.component.run(p, message, view)
        effects.extend(outcome.effects)
        return outcome

    return step._replace(component=step.component._replace(run=run))


def execution(fields: Mapping[str, Json] | None) -> Execution:
    return Execution(
        key="execution",
        pipeline="example",
        powers=ExamplePowers(fields),
        clock=EXAMPLE_CLOCK,
        time=asyncio.get_running_loop().time,
        timeout=30_000,
        globals_={},
        metadata={},
        claims=lambda: None if fields is None else CLAIMS,
    )


@pytest.mark.parametrize(("declared", "example"), CASES)
async def test_an_example_does_what_it_shows(declared: Component, example: Example) -> None:
    effects: list[Effect] = []
    local = LocalSession()
    local.put(example.local)
    step = recorded(compiled(declared, example), effects)
    code = ""
    try:
        message = await run_flow((step,), Frame(execution(example.fields), local), example.message)
    except SojournError as error:
        message, code = error_message(error, EXAMPLE_CLOCK.now()), error.code
    assert code == example.error
    assert tuple(effects) == tuple(example.effects)
    if not example.error or example.want is not None:
        assert message == example.want


@pytest.mark.parametrize("name", DECLARED)
def test_every_parameter_is_described(name: str) -> None:
    for parameter in parameters(DECLARED[name].params):
        assert parameter.description.endswith((".", ")"))


@pytest.mark.parametrize("name", DECLARED)
def test_every_parameter_stands_in_an_example(name: str) -> None:
    shown = {key for example in DECLARED[name].examples for key in example.params}
    assert shown == {parameter.name for parameter in parameters(DECLARED[name].params)}


class Nothing(Params, frozen=True):
    """No parameters."""


def test_a_component_without_docstring_is_refused() -> None:
    def bare(p: Nothing, message: Json, view: View) -> Outcome:
        return Outcome(message)

    with pytest.raises(BadDeclaration, match="docstring"):
        component("bare", since="0.1", examples=(Example("works"),))(bare)


def test_a_component_without_a_working_example_is_refused() -> None:
    def broken(p: Nothing, message: Json, view: View) -> Outcome:
        """Do nothing."""
        return Outcome(message)

    with pytest.raises(BadDeclaration, match="example that works"):
        component("broken", since="0.1", examples=(Example("fails", error="x.y"),))(broken)


def test_a_name_is_declared_once() -> None:
    with pytest.raises(BadDeclaration, match="twice"):
        component("log", since="0.1", examples=(Example("works"),))(session_management.session_management)


def test_a_parameter_without_description_is_refused() -> None:
    class Silent(Params, frozen=True):
        one: int = 1

    class Spoken(Params, frozen=True):
        one: Annotated[int, doc("The first.")] = 1

    with pytest.raises(BadDeclaration, match="'one' has no description"):
        parameters(Silent)
    assert parameters(Spoken)[0].default == "1"
