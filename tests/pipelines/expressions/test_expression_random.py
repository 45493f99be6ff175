"""Thousands of made-up expressions: whatever is written, the only error is ours, and JSON templates give JSON."""

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn.core.clock import ManualClock
from sojourn.core.json import Json, decode, encode_text
from sojourn.pipelines.expressions import ExpressionError, Scope, parse, parse_template
from sojourn.pipelines.expressions.functions import FUNCTIONS

MESSAGE = decode(
    '{"a": {"b": [1, {"c": "x"}]}, "text": "a,b }} \\" é", "n": -2.50, "big": 123456789012345678901234567890,'
    ' "huge": 1e99999999, "yes": true, "none": null, "odd name": [[]], "digits": "12", "json": "{\\"a\\":1}"}'
)
SCOPE = Scope(MESSAGE, globals={"smtp-host": "mail"}, metadata={"pipeline": {"name": "p"}}, clock=ManualClock())
PATHS = [
    *("message", "message.$", "message.a.b", "message.a.b[1].c", "message.text", "message.n", "message.big"),
    *("message.huge", "message.yes", "message.none", "message.digits", "message.json", "message.missing.x"),
    *("global.smtp-host", "metadata.pipeline.name", 'message["odd name"]'),
]
LITERALS = [
    "0",
    "-1",
    "1",
    "2.5",
    "1e3",
    "null",
    "true",
    "false",
    "''",
    "','",
    '"}}"',
    r"'\n\u00e9'",
    "'(a|b)*'",
    "'['",
]
SIGNS = [*"{}[]()\"'\\.,:$ \n\t-+e0é😀\x00", "{{", "}}", "message", "global.", "IF(", "null", "\\u", "\ud800"]


def made_up(dice: random.Random, depth: int = 0) -> str:
    """An expression of the grammar."""
    shape = dice.random()
    if depth > 3 or shape < 0.25:
        return dice.choice(PATHS if dice.random() < 0.6 else LITERALS)
    if shape < 0.32:
        return f"[{', '.join(made_up(dice, depth + 1) for _ in range(dice.randrange(3)))}]"
    if shape < 0.38:
        return "{" + ", ".join(f'"k{n}": {made_up(dice, depth + 1)}' for n in range(dice.randrange(3))) + "}"
    one = dice.choice(list(FUNCTIONS.values()))
    count = dice.randint(one.fewest, min(one.most, one.fewest + 3))
    return f"{one.name}({', '.join(made_up(dice, depth + 1) for _ in range(count))})"


def damaged(dice: random.Random, text: str) -> str:
    """``text`` with a few signs put in, taken out or doubled."""
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(text) + 1)
        cut = at + dice.choice((0, 0, 1, 5))
        text = text[:at] + dice.choice([*SIGNS, text[at : at + 8]]) + text[cut:]
    return text


def outcomes(texts: Iterator[str]) -> tuple[int, int]:
    """How many of ``texts`` gave a value and how many our error; anything else comes out."""
    values, places = 0, []
    for text in texts:
        try:
            value = parse(text).evaluate(SCOPE)
        except ExpressionError as error:
            places.append((error.line, error.column))
            continue
        encode_text(value)
        values += 1
    assert all(line >= 1 and column >= 1 for line, column in places)
    return values, len(places)


@pytest.mark.parametrize("seed", range(4))
def test_made_up_expressions_raise_nothing_but_our_error(seed: int) -> None:
    dice = random.Random(seed)
    values, errors = outcomes(made_up(dice) for _ in range(1_250))
    assert values > 300, "most expressions must get past the parser and the arguments"
    assert errors > 100


@pytest.mark.parametrize("seed", range(4))
def test_damaged_expressions_raise_nothing_but_our_error(seed: int) -> None:
    dice = random.Random(seed)
    values, errors = outcomes(damaged(dice, made_up(dice)) for _ in range(1_250))
    assert values > 20
    assert errors > 500


@pytest.mark.parametrize("as_json", [True, False])
def test_damaged_templates_raise_nothing_but_our_error(as_json: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    dice, rendered = random.Random(7), 0
    for _ in range(1_200):
        whole = f'{{"a": {{{{ {made_up(dice)} }}}}, "b{{{{ message.n }}}}": ["x{{{{ {made_up(dice)} }}}}"]}}'
        try:
            value = parse_template(dice.choice([whole, damaged(dice, whole)]), as_json=as_json).render(SCOPE)
        except ExpressionError:
            continue
        assert isinstance(value, str) or as_json
        decode(encode_text(value))
        rendered += 1
    assert rendered > 100


texts = st.text(st.characters(codec="utf-8"), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.decimals(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(whole=values, inner=texts)
@settings(max_examples=150, deadline=None)
def test_json_templates_give_valid_json_with_the_value_in_its_place(whole: Json, inner: str) -> None:
    scope = Scope({"v": whole, "t": inner})
    template = parse_template(
        '{"v": {{ message.v }}, "in {{ message.t }}": "a{{ message.t }}b{{message.v}}"}', as_json=True
    )
    result = decode(encode_text(template.render(scope)))
    shown = whole if isinstance(whole, str) else "" if whole is None else encode_text(whole)
    assert encode_text(result["v"]) == encode_text(whole)
    assert result[f"in {inner}"] == f"a{inner}b{shown}"


@given(whole=values)
@settings(max_examples=100, deadline=None)
def test_json_text_without_expressions_is_read_as_json_reads_it(whole: Json) -> None:
    text = encode_text(whole)
    if "{{" not in text:
        assert encode_text(parse_template(text, as_json=True).render(SCOPE)) == encode_text(decode(text))


@given(text=texts)
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_written_as_a_literal(text: str) -> None:
    assert parse(encode_text(text)).evaluate(SCOPE) == text
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    assert parse_template(f"<{{{{ '{quoted}' }}}}>", as_json=False).render(SCOPE) == f"<{text}>"
