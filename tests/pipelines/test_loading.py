"""Pipeline files: what is wrong is said with file and line, everything at once.

Each file in ``cases`` says in its first lines what is expected of it: ``#! 8: message``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sojourn.config.problems import ConfigError, Problem
from sojourn.config.project import RealmFolder, load_project
from sojourn.model.realm import RealmConfig
from sojourn.pipelines.deployment import check_pipelines, load_pipelines
from sojourn.pipelines.loader import load_plan, read_plan, read_plans
from tests.pipelines.flows import REALMS

CASES = Path(__file__).parent / "cases"


def expected(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [f"{path.name}:{line.removeprefix('#! ')}" for line in lines if line.startswith("#! ")]


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_broken_file_is_told_line_by_line(path: Path) -> None:
    problems: list[Problem] = []
    plan = read_plan(path, CASES, REALMS, problems)
    assert [str(problem) for problem in sorted(problems)] == expected(path)
    assert (plan is None) == any(problem.severity == "error" for problem in problems)


def test_a_life_beyond_the_realms_own_maximum_is_refused() -> None:
    path = CASES / "notes.yaml"
    strict = {"acme": RealmFolder("acme", RealmConfig(max_token_lifetime=60_000, token_lifetime=60_000), {}, ())}
    problems: list[Problem] = []
    assert read_plan(path, CASES, strict, problems) is None
    assert "expiresIn is 1000 to 60000 ms" in str(sorted(problems))


GOOD = """\
pipeline: {0}
realm: acme
trigger: {{type: rest}}
flow:
  - step: note
    component: log
    params: {{message: called}}
"""


def test_all_files_of_a_project_are_read(folder: Path) -> None:
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    (pipelines / "one.yaml").write_text(GOOD.format("one"))
    (pipelines / "two.yml").write_text(GOOD.format("two"))
    (pipelines / "readme.txt").write_text("no pipeline")
    project = load_project(folder, {})
    assert [plan.name for plan in load_pipelines(project).plans()] == ["one", "two"]
    assert load_plan(pipelines / "one.yaml", project).version == "1.0"
    (pipelines / "three.yaml").write_text(GOOD.format("one"))
    (pipelines / "four.yaml").write_text("pipeline: [")
    with pytest.raises(ConfigError) as refused:
        load_pipelines(project)
    assert [problem.file for problem in refused.value.problems] == ["pipelines/four.yaml", "pipelines/three.yaml"]
    assert "pipeline 'one' v1 of realm 'acme' is also in pipelines/one.yaml" in str(refused.value)
    assert refused.value.problems == tuple(check_pipelines(project))
    with pytest.raises(ConfigError):
        load_plan(pipelines / "four.yaml", project)


def test_a_project_without_pipelines_has_none(folder: Path) -> None:
    shutil.rmtree(folder / "pipelines", ignore_errors=True)
    assert read_plans(folder, REALMS, []) == []
