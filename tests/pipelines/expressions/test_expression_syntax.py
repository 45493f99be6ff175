"""Paths, literals, and where a mistake stands."""

from decimal import Decimal
from types import MappingProxyType

import pytest

from sojourn.core.json import encode
from sojourn.pipelines.expressions import ExpressionError, Scope, parse, parse_template

SCOPE = Scope(
    {
        "a": {"b": [{"c": 1}, [2, 3]], "X-Id": "x", "1st": True, "$ref": "#"},
        "odd name": {"é": "e"},
        "none": None,
        "price": Decimal("10.10"),
        "big": 12345678901234567890,
    },
    globals=MappingProxyType({"smtp-host": "mail", "smtp.port": "25", "odd name": "g"}),
    metadata=MappingProxyType({"pipeline": {"name": "cart-add", "versionMajor": 1}}),
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("message.a.b[0].c", 1),
        ("message.a.b[1][1]", 3),
        ("message.a.b[ 1 ][0]", 2),
        ("message.$.a.b[0].c", 1),
        ("message['a']['b'][0]", {"c": 1}),
        ('message["odd name"]["é"]', "e"),
        ("message['odd name'].é", "e"),
        ("message.a.X-Id", "x"),
        ("message.a.1st", True),
        ("message.a.$ref", "#"),
        ("message.price", Decimal("10.10")),
        ("message.big", 12345678901234567890),
        ("  message.none  ", None),
        ("message.missing.deeper[3].still", None),
        ("message.a.b[2]", None),
        ("message.a.b.c", None),
        ("message.a[0]", None),
        ("message.price.real", None),
        ("message.price.as_tuple", None),
        ("message.a.get", None),
        ("message.a.__class__", None),
        ("global.smtp-host", "mail"),
        ("global.smtp.port", "25"),
        ("global['odd name']", "g"),
        ("global.missing", None),
        ("metadata.pipeline.name", "cart-add"),
        ("metadata.pipeline.versionMajor", 1),
        ("metadata.execution.key", None),
    ],
)
def test_a_path_leads_to_its_value_or_to_null(text: str, value: object) -> None:
    result = parse(text).evaluate(SCOPE)
    assert result == value
    assert encode(result) == encode(value)


@pytest.mark.parametrize("text", ["message", "message.$"])
def test_the_whole_message_can_be_named(text: str) -> None:
    assert parse(text).evaluate(SCOPE) == SCOPE.message


def test_a_message_that_is_an_array_has_indexes() -> None:
    assert parse("message[1]").evaluate(Scope([1, 2])) == 2
    assert parse("message.$[1]").evaluate(Scope([1, 2])) == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-12", -12),
        ("12345678901234567", 12345678901234567),
        ("0.12345678901234567890", Decimal("0.12345678901234567890")),
        ("10.10", Decimal("10.10")),
        ("1e3", Decimal("1E+3")),
        ("true", True),
        ("false", False),
        ("null", None),
        (r'"a\"b\\\/\b\f\n\r\t\u00e9\ud83d\ude00\'c"', "a\"b\\/\b\f\n\r\té😀'c"),
        ("'say \"hi\" }} {{'", 'say "hi" }} {{'),
        ("''", ""),
        ("[]", []),
        ("[1, [message.none], 'a']", [1, [None], "a"]),
        ("{}", {}),
        ('{"a": {"b": message.price}, \'c\': null}', {"a": {"b": Decimal("10.10")}, "c": None}),
    ],
)
def test_a_literal_is_its_value(text: str, value: object) -> None:
    result = parse(text).evaluate(SCOPE)
    assert encode(result) == encode(value)
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "message"),
    [
        ("{{ account.x.password }}", "unknown_name", 1, 4, "unknown name 'account': a path begins with message, global or metadata; a text has quotes"),
        ("{{ session.local.x }}", "unknown_name", 1, 4, "unknown name 'session': a path begins with message, global or metadata; a text has quotes"),
        ("{{ True }}", "unknown_name", 1, 4, "unknown name 'True': a path begins with message, global or metadata; a text has quotes"),
        ("{{ uuid }}", "unknown_name", 1, 4, "UUID is a function: write UUID()"),
        ("a\nbc {{ message.a.b. }}", "syntax", 2, 19, "expected a name, found ' '; other names are written [\"…\"]"),
        ("x {{ message.a }", "syntax", 1, 16, "expected '}}', found '}'"),
        ("x {{ message.a", "syntax", 1, 15, "expected '}}', found the end of the text"),
        ("{{ }}", "syntax", 1, 4, "expected a path, a function or a value, found '}'"),
        ("{{", "syntax", 1, 3, "expected a path, a function or a value, found the end of the text"),
        ("{{ 'abc }}", "syntax", 1, 4, "this string has no closing quote"),
        ("{{ 007 }}", "syntax", 1, 4, "expected a path, a function or a value, found '007'"),
        ("{{ 1. }}", "syntax", 1, 4, "expected a path, a function or a value, found '1'"),
        ("{{ NaN }}", "unknown_name", 1, 4, "unknown name 'NaN': a path begins with message, global or metadata; a text has quotes"),
        ("{{ message.a message.b }}", "syntax", 1, 14, "expected '}}', found 'message'"),
        ("{{ message.a + 1 }}", "syntax", 1, 14, "expected '}}', found '+'"),
        ("{{ message.a[-1] }}", "syntax", 1, 14, "expected an index (0, 1, 2 …) or a quoted name, found '-1'"),
        ("{{ message.a[1 }}", "syntax", 1, 16, "expected ']', found '}'"),
        ("{{ message.$..a }}", "syntax", 1, 14, "expected a name, found '.'; other names are written [\"…\"]"),
        ("{{ message.$[?(@.a)] }}", "syntax", 1, 14, "expected an index (0, 1, 2 …) or a quoted name, found '?'"),
        ("{{ global }}", "syntax", 1, 10, "expected a name after 'global': global.name"),
        ("{{ metadata }}", "syntax", 1, 12, "expected a name after 'metadata': metadata.name"),
        ("{{ CONCAT(1 2) }}", "syntax", 1, 13, "expected ',' or ')', found '2'"),
        ("{{ CONCAT(1,) }}", "syntax", 1, 13, "expected a path, a function or a value, found ')'"),
        ("{{ CONCAT(1, }}", "syntax", 1, 14, "expected a path, a function or a value, found '}'"),
        ('{{ {"a": 1, "a": 2} }}', "syntax", 1, 13, "key 'a' stands twice"),
        ("{{ {a: 1} }}", "syntax", 1, 5, "expected a quoted key, found 'a'"),
        ('{{ {"a" 1} }}', "syntax", 1, 9, "expected ':', found '1'"),
        (r"{{ '\d' }}", "syntax", 1, 5, "an escape is one of \\\" \\' \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX; a backslash is \\\\"),
        (r"{{ '\u12' }}", "syntax", 1, 5, "\\u needs four hexadecimal digits"),
        (r"{{ '\ud800' }}", "syntax", 1, 5, "a lone surrogate is not text"),
        (r"{{ '\ud800\u0041' }}", "syntax", 1, 5, "a lone surrogate is not text"),
        ("a\ud800", "syntax", 1, 2, "a lone surrogate is not text"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, code: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        parse_template(text + "{{" if "\ud800" in text else text, as_json=False)
    error = refused.value
    assert (error.code, error.line, error.column, error.message) == (f"expression.{code}", line, column, message)
    assert error.located == f"line {line}, column {column}: {message}"


def test_an_expression_ends_where_its_text_ends() -> None:
    with pytest.raises(ExpressionError, match="expected the end of the expression, found '}'"):
        parse("message.a }}")


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("{{ message.b }} {{ SUM(1, SUM(2, message.a)) }}", 27, "SUM: needs a number, not an object"),
        ("{{ IF(message.price, 1, 2) }}", 4, "IF: needs true or false, not a number"),
    ],
)
def test_an_error_at_run_time_knows_the_function_and_its_place(text: str, column: int, message: str) -> None:
    template = parse_template(text, as_json=False)
    with pytest.raises(ExpressionError) as refused:
        template.render(SCOPE)
    assert (refused.value.line, refused.value.column, refused.value.message) == (1, column, message)


def test_an_error_never_shows_a_value() -> None:
    with pytest.raises(ExpressionError) as refused:
        parse("SUM(message.secret, 1)").evaluate(Scope({"secret": "hunter2"}))
    assert "hunter2" not in refused.value.located
