"""Each statement of the engine reference (§21) has its test: the name of a test carries the numbers, ``test_21_15_16_…``.

What is said of sessions, scripts, runners and requests is stated in real scripts; the tests of these folders run on both runtimes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

TESTS = Path(__file__).parents[1]

#: Where scripts run in real workers, of each runtime.
ON_BOTH_RUNTIMES = ("data", "environments", "files", "runner", "session", "web")

#: How many statements there are.
LAST = 52

#: What is said of something else than scripts; its tests are those of that part.
ELSEWHERE = {34: "client tracking", 35: "files of realms", 37: "the audit log"}

#: What comes with later work, and why.
LATER = {
    36: "nothing reads configurations of the platform yet",
    45: "sessions of an application are not published in iApplicationSession yet",
    46: "ApplicationSessionMonitor reads that table; drops with notice are those of the admin API",
}

_NAME = re.compile(r"^(?:async )?def test_21((?:_(?:and_)?\d+)+)_", re.MULTILINE)


def stated(folder: Path) -> Mapping[int, set[str]]:
    """Which statements the tests below ``folder`` name, with the first folder or file of each."""
    found: dict[int, set[str]] = {}
    for path in folder.rglob("test_*.py"):
        for numbers in _NAME.findall(path.read_text(encoding="utf-8")):
            for number in re.findall(r"\d+", numbers):
                found.setdefault(int(number), set()).add(path.relative_to(folder).parts[0])
    return found


def test_each_statement_of_scripts_is_stated_in_scripts_on_both_runtimes() -> None:
    known = stated(TESTS / "scripting")
    wanted = {*range(1, LAST + 1)} - set(ELSEWHERE) - set(LATER)
    missing = [number for number in wanted if not known.get(number, set()) & set(ON_BOTH_RUNTIMES)]
    assert missing == []


def test_each_other_statement_has_its_test_or_its_reason() -> None:
    known = stated(TESTS)
    assert [number for number in ELSEWHERE if number not in known] == []
    assert [number for number in LATER if number in known] == [], "stated, and yet called later work"
    assert set(known) <= {*range(1, LAST + 1)}


def test_a_statement_without_a_test_would_be_noticed(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        "async def test_21_02_and_3_x() -> None: ...\ndef test_21_9_it_30_y(): ...\n"
    )
    assert set(stated(tmp_path)) == {2, 3, 9}
