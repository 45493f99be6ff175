"""Every example of every function is executed; beside them what a declaration must have."""

import pytest

from sojourn.core.clock import ManualClock
from sojourn.core.json import encode
from sojourn.pipelines.expressions import ExpressionError, ExpressionSyntax, Scope, UnknownName, parse
from sojourn.pipelines.expressions.functions import FUNCTIONS, Example, Function, Refusal, function
from sojourn.pipelines.expressions.scope import Run

SCOPE = Scope({}, clock=ManualClock(), new_uuid=lambda: "4caad555-09b5-479c-98b4-ac72ffbb486c")
EXAMPLES = [pytest.param(example, id=example.expression) for one in FUNCTIONS.values() for example in one.examples]
CLOSED = {"ISARRAY", "ISBOOLEAN", "ISNULL", "ISNUMBER", "ISOBJECT", "ISSTRING", "NEWEMPTYARRAY", "NEWEMPTYOBJECT"}
NEVER_REFUSE = CLOSED | {"CONCAT", "DEFAULT", "EQUALTO", "NOW", "TOJSON", "TOSTRING", "UUID"}
COMPARE_AS_GREATERTHAN = {"GREATERTHANEQUAL", "LESSTHANEQUAL"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_gives_what_its_declaration_says(example: Example | Refusal) -> None:
    if isinstance(example, Refusal):
        with pytest.raises(ExpressionError) as refused:
            parse(example.expression).evaluate(SCOPE)
        assert refused.value.code == example.code
    else:
        result = parse(example.expression).evaluate(SCOPE)
        assert encode(result) == encode(example.result)
        assert type(result) is type(example.result)


@pytest.mark.parametrize("one", FUNCTIONS.values(), ids=lambda one: one.name)
def test_a_function_that_can_refuse_shows_it(one: Function) -> None:
    refuses = any(isinstance(example, Refusal) for example in one.examples)
    assert refuses or one.name in NEVER_REFUSE | COMPARE_AS_GREATERTHAN | {"XOR"}


def test_the_functions_of_the_reference_are_there() -> None:
    first_set = (
        "DEFAULT IF EQUALTO GREATERTHAN GREATERTHANEQUAL LESSTHAN LESSTHANEQUAL AND OR NOT ISNULL CONCAT TOSTRING TOINT "
        "TONUMBER SUM SUBTRACT MULTIPLY DIVIDE UPPERCASE LOWERCASE TRIM SIZE CONTAINS SPLIT JOIN NEWEMPTYOBJECT "
        "NEWEMPTYARRAY TOJSON UUID NOW MATCHES"
    )
    assert set(first_set.split()) <= set(FUNCTIONS)


def test_capitals_of_a_function_do_not_matter() -> None:
    assert parse("uPPerCase('a')").evaluate(SCOPE) == "A"


def test_functions_nest() -> None:
    assert parse("IF(AND(NOT(null), EQUALTO(SUM(1, 2), 3)), CONCAT('a', UPPERCASE('b')), 0)").evaluate(SCOPE) == "aB"


@pytest.mark.parametrize("name", ["AND", "OR", "XOR", "NOT", "IF"])
def test_null_counts_as_false(name: str) -> None:
    null, false = (f"{name}({value}{', 1, 2' if name == 'IF' else ''})" for value in ("null", "false"))
    assert parse(null).evaluate(SCOPE) == parse(false).evaluate(SCOPE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IF(true, 1)", "IF(condition, then, otherwise) cannot take 2 arguments"),
        ("UUID(1)", "UUID() cannot take 1 arguments"),
        ("ROUND(1, 2, 3)", "ROUND(value, places?) cannot take 3 arguments"),
        ("AND()", "AND(condition, more …) cannot take 0 arguments"),
        ("SWITCHCASE()", "SWITCHCASE(otherwise, condition, result …) cannot take 0 arguments"),
    ],
)
def test_a_wrong_number_of_arguments_is_found_when_parsing(text: str, message: str) -> None:
    with pytest.raises(ExpressionSyntax) as refused:
        parse(text)
    assert refused.value.message == message


def test_an_unknown_function_names_its_neighbour() -> None:
    with pytest.raises(UnknownName, match=r"unknown function 'UPERCASE', did you mean UPPERCASE\?"):
        parse("UPERCASE('a')")


def test_time_and_identifiers_come_from_the_scope() -> None:
    clock, made = ManualClock(start=5), iter("ab")
    scope = Scope(None, clock=clock, new_uuid=lambda: next(made))
    both = parse("CONCAT(NOW(), UUID(), UUID())")
    assert both.evaluate(scope) == "5ab"


def test_the_identifiers_of_a_plain_scope_differ() -> None:
    assert parse("EQUALTO(UUID(), UUID())").evaluate(Scope(None)) is False


@pytest.mark.parametrize(
    ("name", "examples", "doc"),
    [("IF", (Example("1", 1),), "words"), ("SOMETHINGNEW", (), "words"), ("SOMETHINGNEW", (Example("1", 1),), "")],
)
def test_a_declaration_without_name_example_or_words_is_refused(
    name: str, examples: tuple[Example, ...], doc: str
) -> None:
    def call(_run: Run) -> None:
        raise AssertionError

    call.__doc__ = doc
    with pytest.raises(ValueError, match="a name of its own, a docstring and an example"):
        function(name, "group", examples=examples)(call)
    assert "SOMETHINGNEW" not in FUNCTIONS
