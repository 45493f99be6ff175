"""``require`` of project files: the rules of CommonJS, within what the realm may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from sojourn.model.realm import Realm
from sojourn.scripting.errors import ModuleUnknown
from sojourn.scripting.modules import Modules

pytestmark = pytest.mark.anyio

FILES = (
    "main.js",
    "shop/cart.js",
    "shop/cart/index.js",
    "shop/lib/index.js",
    "shop/data/index.json",
    "shop/prices.json",
    "shop/x",
    "shop/x.js",
    "acme/own.js",
    "beta/theirs.js",
)


@pytest.fixture(autouse=True)
def files(scripts: Path) -> None:
    for name in FILES:
        (scripts / name).parent.mkdir(parents=True, exist_ok=True)
        (scripts / name).write_text(f"'{name}'")


#: Name, the file that requires it, the file that is found.
CASES: list[tuple[str, str, str | None]] = [
    ("./shop/cart", "main.js", "shop/cart.js"),
    ("./shop/cart.js", "main.js", "shop/cart.js"),
    ("./shop/cart/", "main.js", "shop/cart/index.js"),
    ("./shop/lib", "main.js", "shop/lib/index.js"),
    ("./shop/data", "main.js", "shop/data/index.json"),
    ("./prices", "shop/cart.js", "shop/prices.json"),
    ("./x", "shop/cart.js", "shop/x"),
    ("../main", "shop/cart.js", "main.js"),
    ("../cart", "shop/cart/index.js", "shop/cart.js"),
    (".", "shop/cart/index.js", "shop/cart/index.js"),
    ("..", "shop/lib/deep.js", None),
    ("/shop/cart", "shop/lib/index.js", "shop/cart.js"),
    ("ufs:/shop/lib/", "main.js", "shop/lib/index.js"),
    ("ufs:/shop/cart", "main.js", "shop/cart.js"),
    ("./acme/own", "main.js", "acme/own.js"),
    ("./beta/theirs", "main.js", None),
    ("ufs:/beta/theirs.js", "main.js", None),
    ("../beta/theirs", "acme/own.js", None),
    ("../../main", "shop/cart.js", None),
    ("./%2e%2e/main", "shop/cart.js", None),
    ("shop/cart", "main.js", None),
    ("cart", "shop/cart.js", None),
    ("@nginstack/engine/lib/none", "main.js", None),
    ("file:///etc/passwd", "main.js", None),
    ("./main.js\0", "main.js", None),
    ("", "main.js", None),
]


async def test_where_a_module_is(modules: Modules, acme: Realm) -> None:
    for name, base, found in CASES:
        if found is None:
            with pytest.raises(ModuleUnknown):
                await modules.load(name, f"ufs:/{base}", acme)
            continue
        loaded = await modules.load(name, f"ufs:/{base}", acme)
        assert (loaded.uri, loaded.source) == (f"ufs:/{found}", f"'{found}'"), (name, base)
        assert loaded.kind == ("json" if found.endswith(".json") else "js")


async def test_a_file_that_is_none_has_no_neighbours(modules: Modules, acme: Realm) -> None:
    for base in ("", "evaluate", "ufs:", "ufs:/..", "vfs:ikey?3", "\0", "x" * 10_000):
        with pytest.raises(ModuleUnknown):
            await modules.load("./main", base, acme)
        assert (await modules.load("ufs:/main", base, acme)).uri == "ufs:/main.js"


async def test_a_claimed_file_of_another_realm_opens_nothing(modules: Modules, acme: Realm) -> None:
    with pytest.raises(ModuleUnknown):
        await modules.load("./theirs", "ufs:/beta/x.js", acme)
