"""What the page about passwords shows is true."""

import json
import re
from pathlib import Path

import msgspec

from sojourn.model.realm import NOT_IN_EFFECT, RealmConfig

PAGE = (Path(__file__).parents[2] / "docs/howto/passwords-and-resets.md").read_text()


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_python_of_the_page_runs() -> None:
    exec(compile(block("python"), "howto", "exec"), {})


def test_its_properties_are_those_of_a_realm_and_in_effect() -> None:
    shown = json.loads(block("json"))
    msgspec.convert(shown, RealmConfig)
    assert not NOT_IN_EFFECT & shown.keys()
