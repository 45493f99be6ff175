"""Every rule has a project that breaks it, with the expected lines in comments at the place or in expected.txt."""

from pathlib import Path

import pytest

from sojourn.config.problems import ConfigError
from sojourn.config.project import load_project
from sojourn.config.realm_rules import REALM_RULES
from sojourn.config.rules import RULES

CASES = Path(__file__).parent / "cases"
MARK = "# expect: "


def expected(case: Path) -> list[str]:
    lines = []
    for path in sorted(case.rglob("*.toml")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            lines += [f"{path.relative_to(case)}:{number}: {text.strip()}" for text in line.split(MARK)[1:]]
    texts = case / "expected.txt"
    return sorted(lines + (texts.read_text().splitlines() if texts.exists() else []))


def said(case: Path) -> list[str]:
    try:
        problems = load_project(case, {}).notes
    except ConfigError as error:
        problems = error.problems
    return [str(problem) for problem in problems]


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_a_project_that_breaks_a_rule_gets_exactly_the_expected_lines(name: str) -> None:
    case = CASES / name
    assert expected(case), "a case expects at least one line"
    assert sorted(said(case)) == expected(case)


def test_every_rule_has_a_case_of_its_name() -> None:
    rules = {rule.__name__ for rule in (*RULES, *REALM_RULES)}
    assert rules <= {path.name for path in CASES.iterdir()}


def test_one_file_with_five_mistakes_gives_five_lines_in_order() -> None:
    with pytest.raises(ConfigError) as refused:
        load_project(CASES / "five_mistakes", {})
    assert [problem.line for problem in refused.value.problems] == [2, 3, 4, 5, 7]
    assert str(refused.value).count("\n") == 4
