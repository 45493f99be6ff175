from __future__ import annotations

from pathlib import Path

import pytest

from bench import figures, graph, source

FILES = {
    "shop/__init__.py": '"""The shop."""\n\nfrom shop.cart import Cart\n\n__all__ = ["Cart", "version"]\nversion = 1\n',
    "shop/cart.py": (
        "from typing import TYPE_CHECKING, overload\n"
        "from . import price\n"
        "if TYPE_CHECKING:\n"
        "    from shop.till import Till\n"
        "\n"
        "class Cart:\n"
        '    """A cart."""\n'
        "\n"
        "    def __init__(self, n: int):\n"
        "        self.n = n\n"
        "\n"
        "    @overload\n"
        "    def add(self, sku: str) -> int: ...\n"
        "    def add(self, sku):\n"
        '        """Put in."""\n'
        "        def inner(): pass\n"
        "        return price.of(sku)  # type: ignore[no-untyped-call]\n"
        "\n"
        "    def _hidden(self) -> None: ...\n"
    ),
    "shop/price.py": "from shop.till import Till\n\ndef of(sku: str) -> int:\n    return 1\n",
    "shop/till/__init__.py": "from ..price import of\n\nclass Till: ...\n",
    "shop/_lazy.py": "def later() -> None:\n    from shop import cart\n    import json\n",
    "tests/test_cart.py": "def test_one(): ...\n\ndef helper(): ...\n",
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_everything_is_counted_as_the_table_defines_it(shop: Path) -> None:
    found = figures.collect(shop / "shop", shop / "tests")
    assert (found.files, found.lines) == (5, 35)
    assert found.modules == (4, 19, 19)
    assert found.functions == (2, 4, 4)
    assert (found.exported, found.public) == (2, 4)
    assert found.typed == pytest.approx(100 * 4 / 6)
    assert found.documented == 50
    assert (found.lazy, found.ignores, found.test_functions) == (1, 1, 1)
    assert found.test_ratio == pytest.approx(3 / 35)


def test_a_circle_of_imports_is_found_and_one_for_type_checkers_is_none(shop: Path) -> None:
    found = graph.imports(source.read_package(shop / "shop"))
    assert found["shop.cart"] == {"shop.price"}
    assert graph.cycles(found) == [{"shop.price", "shop.till"}]
    assert graph.cycles({"a": frozenset("b"), "b": frozenset()}) == []


def test_what_misses_its_target_is_named_with_both_numbers(shop: Path) -> None:
    missed = [str(target) for target in figures.missed(figures.collect(shop / "shop", shop / "tests"))]
    assert "import cycles: 1, target ≤ 0" in missed
    assert "least tests per source: 0.0857143, target ≥ 1" in missed
    assert not [line for line in missed if line.startswith("median function")]


def test_the_row_has_a_cell_for_every_column(shop: Path) -> None:
    row = figures.row(figures.collect(shop / "shop", shop / "tests"), green="58")
    assert row.count("|") == figures.HEAD.splitlines()[0].count("|")
    assert row.startswith("| **sojourn now** | 5 | 35 | 4/19/19 | 0 | 2/4/4 |")
    assert row.endswith("| 0.09 | 58 |")


def test_untyped_functions_are_named(shop: Path) -> None:
    assert figures.untyped(source.read_package(shop / "shop")) == ["shop.cart:add", "shop.cart:inner"]
