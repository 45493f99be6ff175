"""The reference page is what the declarations say."""

from pathlib import Path

from sojourn.pipelines.component import REGISTRY
from sojourn.pipelines.reference import component_reference

PAGE = Path(__file__).parents[2] / "docs/reference/components.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == component_reference(), "generate the reference pages anew"


def test_every_component_has_its_part() -> None:
    page = component_reference()
    for name, declared in REGISTRY.items():
        assert f"\n## {name}\n\n{declared.doc}\n" in page
        assert component_reference(name) in page
