"""Whatever a pipeline file holds, loading it ends with a plan or with problems, never with a crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn.config.documents import document_of
from sojourn.config.problems import Problem
from sojourn.pipelines.components import REGISTRY
from sojourn.pipelines.loader import compile_plan
from sojourn.pipelines.spec import PipelineShape, TriggerShape
from tests.pipelines.flows import REALMS

WORDS = st.sampled_from(
    [
        "",
        "rest",
        "event",
        "GET",
        "PUT",
        "GLOBAL",
        "a.b",
        "/a/:b",
        ":x",
        "5MB",
        "{{ message.a }}",
        "{{ x",
        "{",
        "[",
        "1.0",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | WORDS | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=3)
)


def shaped(kind: Any, **certain: Any) -> st.SearchStrategy[dict[str, Any]]:
    optional = {name: VALUES for name in kind.__struct_encode_fields__ if name not in certain}
    return st.fixed_dictionaries(certain, optional=optional)


def steps(flows: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    def of(name: str) -> st.SearchStrategy[dict[str, Any]]:
        params = shaped(REGISTRY[name].params)
        branches = st.lists(st.fixed_dictionaries({"condition": VALUES, "flow": flows}), max_size=2)
        inner = {"onProcess": flows, "onException": flows, "when": branches, "otherwise": flows}
        return st.fixed_dictionaries(
            {"step": st.just("x"), "component": st.just(name)}, optional={"params": params, **inner}
        )

    return st.lists(st.sampled_from(sorted(REGISTRY)).flatmap(of), max_size=3)


FLOWS: st.SearchStrategy[list[dict[str, Any]]] = st.recursive(st.just([]), steps, max_leaves=4)
FILES = st.one_of(
    VALUES,
    shaped(PipelineShape),
    shaped(
        PipelineShape,
        pipeline=st.just("p"),
        realm=st.just("acme"),
        version=st.just("1.0"),
        description=st.just(""),
        durable=st.booleans(),
        trigger=shaped(TriggerShape, type=st.sampled_from(["rest", "http", "event"])),
        flow=FLOWS,
    ),
    shaped(
        PipelineShape,
        pipeline=st.just("p"),
        realm=st.just("acme"),
        version=st.just("1.0"),
        description=st.just(""),
        durable=st.just(value=False),
        trigger=st.just({"type": "rest", "tokenJwt": True}),
        flow=FLOWS.filter(bool),
    ),
)


@settings(max_examples=80, deadline=None)
@given(FILES)
def test_any_file_ends_in_a_plan_or_in_problems(data: Any) -> None:
    ends_in_a_plan_or_in_problems(data)


@pytest.mark.soak
@settings(max_examples=3_000, deadline=None)
@given(FILES)
def test_any_of_many_files_ends_in_a_plan_or_in_problems(data: Any) -> None:
    ends_in_a_plan_or_in_problems(data)


def ends_in_a_plan_or_in_problems(data: Any) -> None:
    problems: list[Problem] = []
    plan = compile_plan(document_of("pipelines/p.yaml", data, 1), REALMS, problems)
    assert (plan is None) == any(problem.severity == "error" for problem in problems)
