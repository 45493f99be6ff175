"""Every example of what scripts see, as the reference page shows it, on both runtimes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import sojourn.scripting.api  # noqa: F401 - declares what scripts see
from sojourn.scripting.declare import CLASSES
from sojourn.scripting.reference.docstrings import Example, read, read_types
from sojourn.scripting.reference.typings import written
from tests.scripting.session.conftest import Theatre

pytestmark = pytest.mark.anyio

#: What the examples find in their project.
FILES = {"sum.js": "a + b\n", "area.js": "function area(width, height) { return width * height; }\n"}


def examples() -> Iterator[tuple[str, Example]]:
    """Where each example stands, and itself."""
    for spec in CLASSES.values():
        docs = [(spec.name, spec.doc), *((f"{spec.name}.{one.name or 'new'}", one.doc) for one in spec.members)]
        yield from ((place, example) for place, doc in docs for example in read(doc).examples)
    for types in written():
        yield from read_types(types)


EXAMPLES = list(examples())


@pytest.mark.parametrize(("place", "example"), EXAMPLES, ids=[place for place, _ in EXAMPLES])
async def test_an_example_of_the_reference_does_what_it_says(stage: Theatre, place: str, example: Example) -> None:
    for name, code in FILES.items():
        (stage.engine.rules.settings.script_roots[0] / name).write_text(code)
    if "executeDDL" in example.code:
        await stage.engine.rules.grants.grant("anna", "database.alterSchema", actor="test")
    value = await stage.play(await stage.session(), example.code)
    assert example.outcome, f"the example of {place} does not say what its last line is"
    assert value == json.loads(example.outcome)
