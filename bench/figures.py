"""The row of this project in the house's table of code figures: sizes, typing, docstrings, import cycles.

``make figures`` prints the row and the targets it misses. Counted is what the parser sees in ``src/sojourn``; tests only
where the column says so.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench import graph, source
from bench.source import Function, Module

ROOT = Path(__file__).parent.parent
_IGNORE = re.compile(r"#\s*type:\s*ignore")
LONG_MODULE = 500
LONG_FUNCTION = 50


class Spread(NamedTuple):
    """Median, 90th percentile and maximum of some sizes."""

    median: int
    p90: int
    most: int

    @classmethod
    def of(cls, sizes: Sequence[int]) -> Spread:
        """The spread of ``sizes``; zeros when there are none."""
        ordered = sorted(sizes) or [0]
        return cls(
            int(statistics.median(ordered)), ordered[min(len(ordered) - 1, int(0.9 * len(ordered)))], ordered[-1]
        )

    def __str__(self) -> str:
        return f"{self.median}/{self.p90}/{self.most}"


class Figures(NamedTuple):
    """One row of the table; shares are in percent."""

    files: int
    lines: int
    modules: Spread
    long_modules: int
    functions: Spread
    long_functions: float
    typed: float
    documented: float
    exported: int
    public: int
    cycles: int
    largest_cycle: int
    lazy: int
    ignores: int
    test_functions: int
    test_ratio: float


class Target(NamedTuple):
    """One bound of the target row."""

    name: str
    value: float
    bound: float
    #: Whether the value may not be below the bound; else not above it.
    at_least: bool = False

    @property
    def missed(self) -> bool:
        """Whether the value is on the wrong side."""
        return self.value < self.bound if self.at_least else self.value > self.bound

    def __str__(self) -> str:
        return f"{self.name}: {self.value:g}, target {'≥' if self.at_least else '≤'} {self.bound:g}"


def collect(package: Path, tests: Path) -> Figures:
    """Count everything below ``package``, and the tests beside it."""
    modules = source.read_package(package)
    functions = [function for module in modules for function in module.functions]
    cycles = graph.cycles(graph.imports(modules))
    test_modules = source.read_package(tests)
    return Figures(
        files=len(modules),
        lines=sum(module.lines for module in modules),
        modules=Spread.of([module.lines for module in modules if module.lines]),
        long_modules=sum(module.lines > LONG_MODULE for module in modules),
        functions=Spread.of([function.lines for function in functions]),
        long_functions=_share([function.lines > LONG_FUNCTION for function in functions]),
        typed=_share([function.typed for function in functions]),
        documented=_share([function.documented for function in functions if function.public]),
        exported=source.exported(package / "__init__.py"),
        public=sum(module.public_names for module in modules),
        cycles=len(cycles),
        largest_cycle=max(map(len, cycles), default=0),
        lazy=sum(graph.lazy_imports(module, modules) for module in modules),
        ignores=sum(len(_IGNORE.findall(module.text)) for module in modules),
        test_functions=sum(_is_test(function) for module in test_modules for function in module.functions),
        test_ratio=sum(module.lines for module in test_modules) / max(1, sum(module.lines for module in modules)),
    )


def _share(flags: Sequence[bool]) -> float:
    """How many of ``flags`` hold, in percent; 100 of none."""
    return 100 * sum(flags) / len(flags) if flags else 100.0


def _is_test(function: Function) -> bool:
    return function.name.startswith("test")


def row(figures: Figures, green: str = "") -> str:
    """The Markdown row in the order of the table's columns."""
    f = figures
    cells = [
        "**sojourn now**",
        f.files,
        f"{f.lines:,}".replace(",", " "),
        f.modules,
        f.long_modules,
        f.functions,
        f"{f.long_functions:.1f}",
        f"{f.typed:.0f}",
        f"{f.documented:.0f}",
        f"{f.exported}/{f.public}",
        f"{f.cycles} ({f.largest_cycle})" if f.cycles else "0",
        f.lazy,
        f.ignores,
        f.test_functions,
        f"{f.test_ratio:.2f}",
        green,
    ]
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


HEAD = (
    "| | files | lines | module med/p90/max | >500 | function med/p90/max | >50 % | typed % | doc % | API "
    "| cycles (largest) | lazy | ignores | test fns | test/src | clone to green |\n" + "|---" * 16 + "|"
)


def missed(figures: Figures) -> list[Target]:
    """The targets that the row misses."""
    f = figures
    targets = [
        Target("median module", f.modules.median, 120),
        Target("90th percentile of modules", f.modules.p90, 300),
        Target("longest module", f.modules.most, LONG_MODULE),
        Target("modules over 500 lines", f.long_modules, 0),
        Target("median function", f.functions.median, 8),
        Target("90th percentile of functions", f.functions.p90, 25),
        Target("longest function", f.functions.most, 60),
        Target("functions over 50 lines, %", f.long_functions, 1),
        Target("typed functions, %", f.typed, 100, at_least=True),
        Target("documented public functions, %", f.documented, 90, at_least=True),
        Target("exported names", f.exported, 40),
        Target("import cycles", f.cycles, 0),
        Target("lazy imports", f.lazy, 3),
        Target("ignores per 1,000 lines", 1000 * f.ignores / max(1, f.lines), 1),
        Target("least tests per source", f.test_ratio, 1.0, at_least=True),
        Target("most tests per source", f.test_ratio, 1.6),
    ]
    return [target for target in targets if target.missed]


def longest(modules: Sequence[Module], count: int = 5) -> list[str]:
    """The longest functions, to know where to begin."""
    sized = [(function.lines, f"{module.name}:{function.name}") for module in modules for function in module.functions]
    return [f"{lines:4} {name}" for lines, name in sorted(sized, reverse=True)[:count]]


def untyped(modules: Sequence[Module]) -> list[str]:
    """The functions with an argument or a result that is not annotated."""
    return [
        f"{module.name}:{function.name}" for module in modules for function in module.functions if not function.typed
    ]


def main() -> None:
    """Print the row, the targets it misses, and where to begin."""
    parser = argparse.ArgumentParser(prog="python -m bench.figures")
    parser.add_argument("--green", default="", metavar="SECONDS", help="measured time from clone to green")
    package = ROOT / "src" / "sojourn"
    figures = collect(package, ROOT / "tests")
    print(HEAD, row(figures, parser.parse_args().green), sep="\n")
    for target in missed(figures):
        print(f"missed  {target}")
    modules = source.read_package(package)
    for name in untyped(modules):
        print(f"untyped {name}")
    print("longest functions", *longest(modules), sep="\n")


if __name__ == "__main__":
    main()
