"""The pytest plugin: marker ``law``, and the options with which others run the laws on their own store."""

from __future__ import annotations

from collections.abc import Generator

import pytest

pytest.register_assert_rewrite(
    "sojourn.testing.law", "sojourn.testing.session_laws", "sojourn.testing.interleaving.laws"
)

#: Classes of laws in :mod:`sojourn.testing.suite` that run only when their power is named.
POWERS = {
    "tombstones": ("TestTombstones",),
    "bags": ("TestBags", "TestBagInterleavings"),
    "one_time": ("TestOneTime",),
    "throttle": ("TestThrottle",),
    "counted": ("TestCounted",),
    "timed": ("TestTimed",),
    "marked": ("TestMarked",),
    "lifecycle": ("TestLifecycle",),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--sojourn-store`` and ``--sojourn-powers``."""
    group = parser.getgroup("sojourn", "laws of Sojourn's session stores")
    group.addoption(
        "--sojourn-store",
        metavar="MODULE:FUNCTION",
        help="function that returns an async context manager which gives an empty, open session store",
    )
    group.addoption(
        "--sojourn-powers",
        metavar="LIST",
        default="",
        help=f"powers of that store beside the port, by commas: {', '.join(POWERS)}",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "law(id): the law that a test states")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the laws of powers that the store was not said to have."""
    if any(_of_suite(item) for item in items) and not config.getoption("--sojourn-store"):
        raise pytest.UsageError("name the store that the laws shall run on: --sojourn-store=module:function")
    named = {power.strip() for power in config.getoption("--sojourn-powers").split(",") if power.strip()}
    if unknown := sorted(named - POWERS.keys()):
        raise pytest.UsageError(f"unknown powers: {', '.join(unknown)}; there are {', '.join(POWERS)}")
    missing = {kind for power, kinds in POWERS.items() if power not in named for kind in kinds}
    out = {item for item in items if _of_suite(item) and _class_name(item) in missing}
    if out:
        config.hook.pytest_deselected(items=[*out])
        items[:] = [item for item in items if item not in out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Name the law in the report of its failure."""
    report = yield
    mark = item.get_closest_marker("law")
    if mark is not None and report.failed:
        report.sections.append(("law", f"{mark.args[0]}: {item.name}"))
    return report


def _of_suite(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and item.module.__name__ == "sojourn.testing.suite"


def _class_name(item: pytest.Item) -> str:
    return item.cls.__name__ if isinstance(item, pytest.Function) and item.cls is not None else ""
