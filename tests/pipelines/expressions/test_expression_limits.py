"""Sizes, depths and steps are bounded: what goes beyond ends in ExpressionLimit, soon."""

import sys
import time
from decimal import Decimal

import pytest

from sojourn.core.json import Json, decode, encode_text
from sojourn.pipelines.expressions import ExpressionLimit, Scope, parse, parse_template
from sojourn.pipelines.expressions.limits import (
    MAX_EXPRESSION,
    MAX_ITEMS,
    MAX_NESTING,
    MAX_NUMBER,
    MAX_TEMPLATE,
    MAX_TEXT,
)

HALF = "x" * (MAX_TEXT // 2)
SCOPE = Scope(
    {
        "half": HALF,
        "items": [1] * MAX_ITEMS,
        "huge": decode("1e999999999"),
        "tiny": decode("1e-999999999"),
        "digits": decode("9" * 201),
        "letters": "ab" * 30_000,
    }
)


def nested(depth: int) -> str:
    return "NOT(" * depth + "null" + ")" * depth


@pytest.mark.parametrize(
    ("fits", "too_large"),
    [
        (nested(MAX_NESTING), nested(MAX_NESTING + 1)),
        ("[" * MAX_NESTING + "1" + "]" * MAX_NESTING, "[" * (MAX_NESTING + 1) + "1" + "]" * (MAX_NESTING + 1)),
        (f"'{'x' * (MAX_EXPRESSION - 2)}'", f"'{'x' * (MAX_EXPRESSION - 1)}'"),
        ("1" * MAX_NUMBER, "1" * (MAX_NUMBER + 1)),
        ("1e9999", "1e10000"),
        ("1e-9999", "1e-10000"),
    ],
)
def test_an_expression_is_bounded_when_it_is_parsed(fits: str, too_large: str) -> None:
    parse(fits)
    with pytest.raises(ExpressionLimit):
        parse(too_large)
    parse_template(f"{{{{{fits}}}}}", as_json=False)
    with pytest.raises(ExpressionLimit):
        parse_template(f"{{{{{too_large}}}}}", as_json=False)


@pytest.mark.parametrize("depth", [10_000, 400_000])
@pytest.mark.parametrize("sign", ["[", '{"a":'])
def test_deep_texts_are_refused_and_do_not_exhaust_the_stack(sign: str, depth: int) -> None:
    text = sign * (depth // len(sign))
    for value in (text, "{{" + text):
        with pytest.raises(ExpressionLimit):
            parse_template(value, as_json=True)


def test_a_text_with_expressions_is_bounded() -> None:
    parse_template("{{ 1 }}".ljust(MAX_TEMPLATE), as_json=False)
    with pytest.raises(ExpressionLimit):
        parse_template("{{ 1 }}".ljust(MAX_TEMPLATE + 1), as_json=False)


@pytest.mark.parametrize(
    ("fits", "too_large"),
    [
        ("CONCAT(message.half, message.half)", "CONCAT(message.half, message.half, 1)"),
        ("JOIN('', message.half, message.half)", "JOIN(message.half, 1, 2, 3)"),
        ("JOIN(',', message.items)", "JOIN('1234567890', message.items)"),
        ("REPLACE(message.half, 'x$', '')", "REPLACE(message.half, 'x', '12345678901234567890')"),
        ("UPPERCASE(message.half)", "UPPERCASE(CONCAT(message.half, message.half, 1))"),
        ("PUSH([], 1)", "PUSH(message.items, 1)"),
        ("TOINT('9')", "TOINT(message.huge)"),
        ("TOINT(message.tiny)", f"TONUMBER('{'1' * 201}')"),
        ("TONUMBER('1e9999')", "TONUMBER('1e10000')"),
        ("ROUND(message.tiny, 3)", "ROUND(message.huge, 2)"),
        ("CEIL(message.tiny)", "CEIL(message.huge)"),
        ("ROUND(1.25, 1)", "ROUND(1.25, 300)"),
        ("SUM(1e199, 1)", "SUM(1e200, 0.1)"),
        ("SUM(1, 1)", "SUM(message.huge, 1)"),
        ("SUM(1, 2)", "SUM(message.digits, message.digits)"),
        ("MULTIPLY(1, 1)", "MULTIPLY(message.tiny, message.tiny)"),
        ("MULTIPLY(1e99, 1e99)", "MULTIPLY(1e9999, 10)"),
        ("DIVIDE(1, 3)", "DIVIDE(message.huge, message.tiny)"),
        ("MOD(8, 3)", "MOD(message.huge, 3)"),
        ("MATCHES('a', 'a{1000}')", "MATCHES('a', '" + "a" * 1001 + "')"),
        ("MATCHES(message.letters, '[ab]+')", "MATCHES(message.letters, '.*(a|b|ab|ba|abb).{1000}x')"),
        ("SIZE(SPLIT(message.letters, 'a'))", "SPLIT(message.letters, '(?:a.*z)|a')"),
        ("REPLACE(message.letters, 'b', '')", "REPLACE(message.letters, '(?:a.*z)|a', '')"),
    ],
)
def test_results_are_bounded_before_they_are_made(fits: str, too_large: str) -> None:
    parse(fits).evaluate(SCOPE)
    expression = parse(too_large)
    began = time.process_time()
    with pytest.raises(ExpressionLimit):
        expression.evaluate(SCOPE)
    assert time.process_time() - began < 5


def test_a_chain_of_products_cannot_blow_up() -> None:
    text = "9999999999"
    for _ in range(10):
        text = f"MULTIPLY({text}, 99999999999999999999999999)"
    with pytest.raises(ExpressionLimit):
        parse(text).evaluate(SCOPE)


def test_exactly_as_many_digits_as_are_allowed_are_computed() -> None:
    most = int("9" * 200)
    assert parse("SUM(message.a, 0)").evaluate(Scope({"a": most})) == most
    assert parse("SUM(message.a, 0)").evaluate(Scope({"a": Decimal(most).scaleb(-100)})) == Decimal(most).scaleb(-100)


def test_a_text_of_the_message_may_be_longer_than_what_functions_make() -> None:
    body = "x" * (MAX_TEXT * 3)
    scope = Scope({"body": body})
    assert parse_template({"b": "{{ DEFAULT(message.body, '') }}"}, as_json=True).render(scope) == {"b": body}
    assert parse_template("{{ message.body }}", as_json=False).render(scope) == body


def test_texts_around_expressions_are_bounded_too() -> None:
    template = parse_template("{{ message.half }}-{{ message.half }}", as_json=False)
    with pytest.raises(ExpressionLimit):
        template.render(SCOPE)


def test_the_steps_of_one_rendering_are_bounded_together() -> None:
    items: list[Json] = [1] * 1_000_000
    scope = Scope(items)
    for copies, fits in ((4, True), (6, False)):
        template = parse_template(["{{ message }}"] * copies, as_json=True)
        if fits:
            template.render(scope)
            continue
        with pytest.raises(ExpressionLimit):
            template.render(scope)


def test_comparing_takes_steps() -> None:
    scope = Scope([0] * 1_000_000)
    with pytest.raises(ExpressionLimit):
        parse("AND(" + ", ".join(["EQUALTO(message, message)"] * 2) + ")").evaluate(scope)


def deep(levels: int) -> Json:
    value: Json = []
    for _ in range(levels - 1):
        value = [value]
    return value


@pytest.mark.parametrize("levels", [199, 200])
def test_what_is_rendered_can_always_be_read_again(levels: int) -> None:
    scope = Scope(deep(levels))
    for value in ({"a": "{{ message }}"}, '{"a": {{ message }}}'):
        template = parse_template(value, as_json=True)
        if levels == 199:
            assert decode(encode_text(template.render(scope)))
            continue
        with pytest.raises(ExpressionLimit):
            template.render(scope)


@pytest.mark.parametrize("levels", [200, 201])
def test_a_template_nests_as_deep_as_json(levels: int) -> None:
    text = "[" * levels + "]" * levels
    structure: list[object] = []
    for _ in range(levels - 1):
        structure = [structure]
    for value in (text, structure):
        if levels == 200:
            assert decode(encode_text(parse_template(value, as_json=True).render(SCOPE)))
            continue
        with pytest.raises(ExpressionLimit):
            parse_template(value, as_json=True)


def test_a_caller_with_little_stack_left_gets_the_same_error() -> None:
    template = parse_template(["{{ message }}"], as_json=True)
    scope = Scope(deep(190))

    def further(levels: int) -> Json:
        return further(levels - 1) if levels else template.render(scope)

    used = len(list(iter_frames()))
    with pytest.raises(ExpressionLimit, match="nest too deeply"):
        further(sys.getrecursionlimit() - used - 100)


def iter_frames() -> list[object]:
    frames: list[object] = []
    frame = sys._getframe()
    while frame.f_back is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames
