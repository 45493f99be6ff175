"""Templates: where an expression stands decides what is inserted."""

from decimal import Decimal
from typing import Any

import pytest

from sojourn.core.json import Json, decode, encode, encode_text
from sojourn.pipelines.expressions import ExpressionError, Scope, parse, parse_template

MESSAGE = {"sku": 'A"1\n', "qty": 2, "price": Decimal("10.10"), "list": [1, {"x": None}], "yes": True, "none": None}
SCOPE = Scope(MESSAGE)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("Order {{ message.qty }} of {{message.sku}}!", 'Order 2 of A"1\n!'),
        ("{{ message.none }}|{{ message.missing }}", "|"),
        ("{{ message.price }}", "10.10"),
        ("{{ message.list }} {{ message.yes }}", '[1,{"x":null}] true'),
        ("{{ '}}' }}", "}}"),
        ("{{ '{{' }} }} {", "{{ }} {"),
        ("{{message.qty}}{{message.qty}}", "22"),
        ('{{ {"a":{"b":1}}}}', '{"a":{"b":1}}'),
        ("a\n{{\n  message.qty\n}}\n", "a\n2\n"),
        ("", ""),
    ],
)
def test_in_a_text_the_text_of_an_expression_is_inserted(text: str, rendered: str) -> None:
    assert parse_template(text, as_json=False).render(SCOPE) == rendered


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ('{"sku": {{ message.sku }}, "qty": {{message.qty}}}', {"sku": 'A"1\n', "qty": 2}),
        ('{"cart":{"list":{{message.list}},"none":{{message.none}}}}', {"cart": {"list": [1, {"x": None}], "none": None}}),
        ('{"note": "for {{ message.sku }}: {{ message.price }}"}', {"note": 'for A"1\n: 10.10'}),
        ('{"note": "{{ message.qty }}"}', {"note": "2"}),
        ('{"note": "{{ message.none }}"}', {"note": ""}),
        ('{"{{ message.qty }}x": 1.50, "\\u00e9": true}', {"2x": Decimal("1.50"), "é": True}),
        ('[{{ message.qty }}, "{{ \'}}\' }}", [], {}, null, false, -1]', [2, "}}", [], {}, None, False, -1]),
        ("  {{ DEFAULT(message.cart, NEWEMPTYOBJECT()) }}  ", {}),
        ('"{{ message.list }}"', '[1,{"x":null}]'),
        ('{"a": "{ {{ message.qty }} }"}', {"a": "{ 2 }"}),
        ('{"a":{{ {"b": message.qty}}}}', {"a": {"b": 2}}),
    ],
)  # fmt: skip
def test_in_json_text_a_value_is_inserted_as_json_and_inside_a_string_as_text(text: str, rendered: object) -> None:
    assert encode(parse_template(text, as_json=True).render(SCOPE)) == encode(rendered)


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ({"sku": "{{ message.sku }}", "qty": "{{ message.qty }}"}, {"sku": 'A"1\n', "qty": 2}),
        ({"qty": " {{ message.qty }}"}, {"qty": " 2"}),
        ({"qty": "{{ message.qty }}{{ message.qty }}"}, {"qty": "22"}),
        (["{{ message.list }}", "x", 1, None, Decimal("1.0")], [[1, {"x": None}], "x", 1, None, Decimal("1.0")]),
        ({"k{{ message.qty }}": {"deep": ["{{ message.none }}"]}}, {"k2": {"deep": [None]}}),
        ({"{{ message.qty }}": 1}, {"2": 1}),
        (7, 7),
        (True, True),
        (None, None),
        (1.5, 1.5),
    ],
)
def test_in_a_json_structure_a_string_that_is_one_expression_keeps_its_type(value: Json, rendered: object) -> None:
    assert encode(parse_template(value, as_json=True).render(SCOPE)) == encode(rendered)


def test_in_a_structure_of_texts_every_string_stays_text() -> None:
    value = {"X-Qty": "{{ message.qty }}", "X-List": ["{{ message.none }}"], "n": 1}
    assert parse_template(value, as_json=False).render(SCOPE) == {"X-Qty": "2", "X-List": [""], "n": 1}


@pytest.mark.parametrize(
    ("value", "constant"),
    [
        ("plain } {", True),
        ('"plain"', True),
        ({"a": ["b", {"c": 1}]}, True),
        (1, True),
        ("{{ 1 }}", False),
        ({"a": ["b", {"c": "{{ 1 }}"}]}, False),
        ({"{{ 'a' }}": 1}, False),
    ],
)
def test_a_template_knows_whether_it_is_constant(value: Json, *, constant: bool) -> None:
    assert parse_template(value, as_json=False).constant is constant


def test_json_text_without_expressions_is_constant() -> None:
    template = parse_template('{"stored": [true, "x"]}', as_json=True)
    assert template.constant
    assert template.render(SCOPE) == {"stored": [True, "x"]}


@pytest.mark.parametrize(
    "whole", ["message", "message.list", "DEFAULT(message.list, 1)", "[message]", "{'a': message}"]
)
def test_what_is_rendered_is_not_shared_with_the_message(whole: str) -> None:
    before = encode_text(MESSAGE)
    for rendered in (parse(whole).evaluate(SCOPE), parse_template([f"{{{{ {whole} }}}}"], as_json=True).render(SCOPE)):
        _spoil(rendered)
    assert encode_text(MESSAGE) == before


@pytest.mark.parametrize("value", [{"a": [1, {"b": 2}]}, '{"a": [1, {"b": 2}]}', {"a": [1, {"b": 2}], "c": "{{ 1 }}"}])
def test_what_is_rendered_is_not_shared_with_the_template(value: Json) -> None:
    template = parse_template(value, as_json=True)
    first = template.render(SCOPE)
    expected = encode_text(first)
    _spoil(first)
    assert encode_text(template.render(SCOPE)) == expected


def _spoil(value: object) -> None:
    match value:
        case dict():
            for item in [*value.values()]:
                _spoil(item)
            value["spoiled"] = True
        case list():
            for item in [*value]:
                _spoil(item)
            value.append("spoiled")


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("hello", 1, 1, "not JSON: expected a value or an expression, found 'hello'"),
        ("", 1, 1, "not JSON: expected a value or an expression, found the end of the text"),
        ('{"a": {{ message.a }}', 1, 22, "not JSON: expected ',' or '}', found the end of the text"),
        ('{"a": 1} x', 1, 10, "not JSON: expected the end of the text, found 'x'"),
        ("{'a': 1}", 1, 2, 'not JSON: expected a key in double quotes, found "\'"'),
        ('{"a": 1,\n "a": 2}', 2, 2, "not JSON: key 'a' stands twice"),
        ('{"a" 1}', 1, 6, "not JSON: expected ':', found '1'"),
        ('{"a": 1,}', 1, 9, "not JSON: expected a key in double quotes, found '}'"),
        ("[1,]", 1, 4, "not JSON: expected a value or an expression, found ']'"),
        ("[1 2]", 1, 4, "not JSON: expected ',' or ']', found '2'"),
        ('["a\nb"]', 1, 4, "not JSON: a control character in a string is written as an escape"),
        ('["a', 1, 2, "not JSON: this string has no closing quote"),
        ("[NaN]", 1, 2, "not JSON: expected a value or an expression, found 'NaN'"),
        ("[01]", 1, 2, "not JSON: expected a value or an expression, found '01'"),
        (r'["\'"]', 1, 3, "not JSON: \\' is no escape"),
        (r'["\x"]', 1, 3, "an escape is one of"),
        ("{ {{ message.a }}: 1}", 1, 3, "not JSON: expected a key in double quotes, found '{'"),
        ('{"a": "{{ DEFAULT(message.a, \\"b\\") }}"}', 1, 30, "expected a path, a function or a value, found '\\\\'"),
    ],
)  # fmt: skip
def test_json_text_that_is_not_json_is_refused_with_its_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse_template(text, as_json=True)
    assert (refused.value.line, refused.value.column) == (line, column)
    assert refused.value.message.startswith(message)


def test_an_error_in_a_structure_knows_the_path_to_its_text() -> None:
    with pytest.raises(ExpressionError) as refused:
        parse_template({"a": [0, {"b": "x {{ oops }}"}]}, as_json=True)
    assert (refused.value.path, refused.value.column) == (("a", 1, "b"), 6)


def test_an_error_while_rendering_a_structure_knows_the_path_too() -> None:
    template = parse_template({"a": [0, {"b": "{{ SUM(message.sku) }}"}]}, as_json=True)
    with pytest.raises(ExpressionError) as refused:
        template.render(SCOPE)
    assert (refused.value.path, refused.value.column) == (("a", 1, "b"), 4)


def test_an_error_in_a_key_knows_the_path_to_its_object() -> None:
    with pytest.raises(ExpressionError) as refused:
        parse_template({"a": {"{{ oops }}": 1}}, as_json=True)
    assert refused.value.path == ("a",)


def test_two_keys_that_become_the_same_are_an_error() -> None:
    template = parse_template('{"{{ message.qty }}": 1, "2": 2}', as_json=True)
    with pytest.raises(ExpressionError, match="two keys of this object became the same"):
        template.render(SCOPE)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object(), {"a": {1, 2}}])
def test_what_is_no_json_value_is_refused_when_parsing(value: Any) -> None:
    with pytest.raises(ExpressionError):
        parse_template(value, as_json=True)


@pytest.mark.parametrize("value", [float("nan"), b"bytes", object(), [object()]])
def test_what_is_no_json_value_in_a_message_is_refused_when_rendering(value: Any) -> None:
    for as_json in (True, False):
        template = parse_template(["{{ message.x }}"], as_json=as_json)
        with pytest.raises(ExpressionError):
            template.render(Scope({"x": value}))


def test_numbers_keep_every_digit_on_their_way_through() -> None:
    text = '{"a":12345678901234567,"b":0.12345678901234567890,"c":10.10,"d":1E+30}'
    template = parse_template('{"m": {{ message.$ }}}', as_json=True)
    assert encode_text(template.render(Scope(decode(text)))) == '{"m":' + text + "}"
    assert parse_template("{{ message.$ }}", as_json=False).render(Scope(decode(text))) == text
