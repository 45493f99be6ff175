"""The reference page is what the declarations say."""

from pathlib import Path

from sojourn.pipelines.expressions.functions import FUNCTIONS
from sojourn.pipelines.expressions.reference import reference

PAGE = Path(__file__).parents[3] / "docs/reference/expressions.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "generate the reference pages anew"


def test_every_function_has_its_entry() -> None:
    page = reference()
    for function in FUNCTIONS.values():
        assert f"\n### {function.name}\n\n`{function.signature}`\n" in page
