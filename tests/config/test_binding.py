"""A Struct declares the keys; everything in a file that does not fit is said at once, each at its line."""

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from sojourn.config.binding import bind
from sojourn.config.documents import read_document
from sojourn.config.problems import Problem

T = TypeVar("T", bound=msgspec.Struct)


class Assert(msgspec.Struct, tag_field="component", tag="assert", forbid_unknown_fields=True):
    condition: str


class Log(msgspec.Struct, tag_field="component", tag="log", forbid_unknown_fields=True):
    level: Literal["info", "warn"] = "info"


class Step(msgspec.Struct, rename="camel"):
    step: str
    params: Assert | Log | None = None
    on_process: "list[Step]" = []


class Trigger(msgspec.Struct, rename="camel"):
    methods: Annotated[tuple[Literal["GET", "POST"], ...], Meta(min_length=1)]
    timeout: Annotated[int, Meta(ge=1, le=60_000)] | None = None
    response_headers: dict[str, str] = {}
    ratio: float = 1.0


class Pipeline(msgspec.Struct):
    pipeline: str
    trigger: Trigger
    flow: list[Step] = []
    sample: Any = None

    def __post_init__(self) -> None:
        if self.pipeline == "forbidden":
            raise ValueError("this name is taken")


def bound(folder: Path, text: str, kind: type[T], path: Sequence[str | int] = ()) -> tuple[T | None, list[str]]:
    file = folder / "a.yaml"
    file.write_text(text)
    problems: list[Problem] = []
    value = bind(read_document(file, folder), path, kind, problems)
    return value, [f"{problem.line}: {problem.message}" for problem in problems]


def test_a_mapping_that_fits_becomes_the_struct(tmp_path: Path) -> None:
    text = """\
pipeline: cart
trigger: {methods: [GET, POST], timeout: 30, responseHeaders: {a: b}, ratio: 1.5}
flow:
  - {step: one, params: {component: assert, condition: "true"}, onProcess: [{step: two, params: {component: log}}]}
sample: {price: 10.10}
"""
    value, problems = bound(tmp_path, text, Pipeline)
    assert problems == []
    assert value is not None
    assert value.trigger == Trigger(("GET", "POST"), 30, {"a": "b"}, 1.5)
    assert value.flow == [Step("one", Assert("true"), [Step("two", Log())])]
    assert value.sample == {"price": Decimal("10.10")}


def test_all_that_is_wrong_is_said_at_once_with_the_path_to_it(tmp_path: Path) -> None:
    text = """\
pipline: cart
trigger:
  methods: [GET, PUT,
    7]
  timeout: 0
  responseHeaders:
    a: 1
  requiredScope: x
flow:
  - step: one
    params: {component: assert}
    onProcess:
      - stp: two
  - 5
"""
    value, problems = bound(tmp_path, text, Pipeline)
    assert value is None
    assert problems == [
        "1: unknown key 'pipline', did you mean 'pipeline'?",
        "3: trigger.methods[1]: 'PUT' is none of 'GET', 'POST', did you mean 'POST'?",
        "4: trigger.methods[2]: expected a text, got a whole number; put it in quotes",
        "5: trigger.timeout: expected a whole number >= 1",
        "7: trigger.responseHeaders.a: expected a text, got a whole number; put it in quotes",
        "8: trigger: unknown key 'requiredScope'; the nearest valid one is 'responseHeaders'",
        "11: flow[0].params: missing key 'condition'",
        "13: flow[0].onProcess[0]: unknown key 'stp', did you mean 'step'?",
        "13: flow[0].onProcess[0]: missing key 'step'",
        "14: flow[1]: expected a mapping, got a whole number",
        "1: missing key 'pipeline'",
    ]


def test_a_list_that_is_too_short_is_judged_as_a_whole(tmp_path: Path) -> None:
    _, problems = bound(tmp_path, "methods: []\n", Trigger)
    assert problems == ["1: methods: expected a list of length >= 1"]


def test_a_tag_that_no_struct_has_is_named(tmp_path: Path) -> None:
    _, problems = bound(tmp_path, "step: a\nparams:\n  component: asert\n", Step)
    assert problems == ["3: params.component: 'asert' is none of 'assert', 'log', did you mean 'assert'?"]


def test_a_missing_tag_is_a_missing_key(tmp_path: Path) -> None:
    _, problems = bound(tmp_path, "step: a\nparams:\n  level: info\n", Step)
    assert problems == ["3: params: missing key 'component'"]


def test_what_a_struct_itself_refuses_is_said_at_its_line(tmp_path: Path) -> None:
    _, problems = bound(tmp_path, "\npipeline: forbidden\ntrigger: {methods: [GET]}\n", Pipeline)
    assert problems == ["2: this name is taken"]


def test_a_part_of_a_document_can_be_bound(tmp_path: Path) -> None:
    value, problems = bound(tmp_path, "trigger:\n  methods: [GET]\n", Trigger, ("trigger",))
    assert (value, problems) == (Trigger(("GET",)), [])


def test_something_else_than_a_mapping_is_refused(tmp_path: Path) -> None:
    assert bound(tmp_path, "- a\n", Pipeline) == (None, ["1: expected a mapping, got a list"])
    assert bound(tmp_path, "", Pipeline) == (None, ["1: expected a mapping, got nothing"])
