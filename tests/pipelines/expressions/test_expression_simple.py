"""Simple conditions: paths, operators, how they group, and where a mistake stands."""

import random
from decimal import Decimal

import pytest

from sojourn.pipelines.expressions import ExpressionError, ExpressionLimit, Scope
from sojourn.pipelines.expressions.simple import parse_condition

SCOPE = Scope(
    {
        "city": "New York",
        "qty": 2,
        "text": "10",
        "price": Decimal("10.10"),
        "body": {"tags": ["a", 1], "odd name": True},
        "none": None,
        "globals": "never seen",
    },
    globals={"smtp.host": "mail"},
)


@pytest.mark.parametrize(
    "text",
    [
        "#{city} == 'New York'",
        '#{city} == "New York"',
        "#{ city } != 'Paris'",
        "#{city} =~ 'NEW york'",
        "#{city} !=~ 'paris'",
        "#{qty} == 2",
        "#{qty} == 2.0",
        "#{qty} == '2'",
        "#{text} > 9.5",
        "9 < #{text}",
        "#{price} == '10.1'",
        "#{qty} != 'two'",
        "#{qty} =~ 2",
        "#{body.tags[1]} == 1",
        "#{body['odd name']} == true",
        "#{body['odd name']} == 'true'",
        "#{none} == null",
        "#{missing.deeper} == null",
        "#{missing} != 'x'",
        "#{missing} < 0",
        "#{missing} >= null",
        "'a' < 'b'",
        "'b' >= 'b'",
        "1 <= 1",
        "#{city} regex 'New .*'",
        "#{qty} regex '[0-9]'",
        "#{city} contains 'York'",
        "#{price} contains '.1'",
        "#{body.tags} contains 'a'",
        "#{body.tags} contains '1'",
        "#{body} contains 'tags'",
        "#{globals.smtp.host} == 'mail'",
        "#{qty} == 3 && #{qty} == 4 || #{qty} == 2",
        "#{qty} == 2 || #{qty} == 3 && #{qty} == 4",
        "(#{qty} == 2 || #{qty} == 3) && (#{city} == 'New York')",
        "#{qty}==2&&#{qty}!=3",
    ],
)
def test_a_condition_holds(text: str) -> None:
    assert parse_condition(text).holds(SCOPE) is True


@pytest.mark.parametrize(
    "text",
    [
        "#{city} == 'new york'",
        "#{city} != 'New York'",
        "#{city} =~ 'York'",
        "#{city} !=~ 'NEW YORK'",
        "#{qty} == 3",
        "#{qty} == true",
        "#{qty} > 2",
        "#{qty} < 2",
        "#{qty} >= 2.01",
        "#{qty} <= 1",
        "#{text} == '10.0'",
        "#{missing} == ''",
        "#{missing} > null",
        "#{city} regex 'York'",
        "#{missing} regex '.*'",
        "#{city} contains 'york'",
        "#{missing} contains ''",
        "#{body.tags} contains 'b'",
        "#{globals.missing} == 'mail'",
        "(#{qty} == 2 || #{qty} == 3) && #{qty} == 4",
        "#{qty} == 1 || #{qty} == 3",
    ],
)
def test_a_condition_does_not_hold(text: str) -> None:
    assert parse_condition(text).holds(SCOPE) is False


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "expected #{path}, a quoted text or a number, found the end of the text"),
        ("#{city}", 8, "expected == != =~ !=~ > >= < <= regex or contains, found the end of the text"),
        ("#{city} = 'x'", 9, "expected == != =~ !=~ > >= < <= regex or contains, found '='"),
        ("#{} == 1", 3, "expected a name, found '}'"),
        ("#{city == 1", 8, "expected '}', found '='"),
        ("city == 1", 1, "expected #{path}, a quoted text or a number, found 'city'"),
        ("#{city} == York", 12, "expected #{path}, a quoted text or a number, found 'York'"),
        ("#{qty} == 1 #{qty} == 2", 13, "expected && or ||, found '#'"),
        ("(#{qty} == 1", 13, "expected ')', found the end of the text"),
        ("#{qty} == 1 &&", 15, "expected #{path}, a quoted text or a number, found the end of the text"),
        ("(" * 51 + "1 == 1" + ")" * 51, 52, "a condition nests at most 50 deep"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse_condition(text)
    assert (refused.value.line, refused.value.column, refused.value.message) == (1, column, message)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("1 == 1 && #{body} > 1", 19, ">: two numbers or two texts can be compared, not an object and a number"),
        ("#{city} regex '('", 9, "regex: this is not a regular expression that RE2 takes"),
        ("#{city} regex 1", 9, "regex: needs a text, not a number"),
    ],
)
def test_what_cannot_be_compared_is_told_with_its_place(text: str, column: int, message: str) -> None:
    condition = parse_condition(text)
    with pytest.raises(ExpressionError) as refused:
        condition.holds(SCOPE)
    assert (refused.value.column, refused.value.message) == (column, message)


def test_a_condition_is_bounded() -> None:
    with pytest.raises(ExpressionLimit):
        parse_condition("1 == 1".ljust(10_001))
    with pytest.raises(ExpressionLimit):
        parse_condition("#{t} regex '.*(a|b|ab).{900}x'").holds(Scope({"t": "ab" * 100_000}))


def test_damaged_conditions_raise_nothing_but_our_error() -> None:
    dice = random.Random(3)
    parts = ["#{", "}", "city", "body", ".", "[0]", "['", "'", "==", "=~", "!=", ">", "regex", "contains", "&&", "||"]
    parts += ["(", ")", "2", "'x'", "#{qty}", "#{body.tags}", "null", "true", "\\", "é", "\n", "'('"]
    outcomes = {True: 0, False: 0}
    for _ in range(3_000):
        text = " ".join(dice.choice(parts) for _ in range(dice.randint(1, 5)))
        try:
            outcomes[parse_condition(text).holds(SCOPE)] += 1
        except ExpressionError:
            continue
    assert min(outcomes.values()) >= 1
