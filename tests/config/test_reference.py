"""The generated reference pages."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sojourn.config.reference import realm_reference, settings_reference

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize(("name", "make"), [("settings.md", settings_reference), ("realms.md", realm_reference)])
def test_the_page_in_the_docs_is_the_one_that_the_code_makes(name: str, make: Callable[[], str]) -> None:
    assert (REFERENCE / name).read_text() == make(), "stale: run make docs"


def test_settings_are_listed_with_type_default_meaning_and_effect() -> None:
    page = settings_reference()
    assert "| `port` | integer 1 to 65535 | `8420` | Its port. | yes |" in page
    assert '| `application` | text | `"sqlite:///var/app.db"` | ' in page
    assert '| `format` | `"json"` or `"text"` | `"json"` |' in page


def test_realm_properties_are_listed_with_type_default_meaning_and_effect() -> None:
    page = realm_reference()
    assert "| `tokenLifetime` | milliseconds | `3600000` | `exp` of a JWT where the step names none. | yes |" in page
    assert "| `hosts` | list of text | - | Host names that the realm answers on" in page
    assert '| `freshLogin` | milliseconds or `"off"` | `600000` |' in page
