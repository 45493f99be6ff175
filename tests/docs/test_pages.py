"""The pages say what is there: generated ones are fresh, links lead somewhere, code blocks run."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from docs.generate import REFERENCE, SURVIVAL, pages
from sojourn.core.json import decode

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]*)?\)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall((ROOT / page).read_text()) if kind == language]


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", pages())
def test_a_generated_page_is_as_the_code_is(name: str) -> None:
    assert (REFERENCE / name).read_text() == pages()[name](), "stale: run make docs"


def test_the_tests_that_show_what_survives_are_there() -> None:
    for *_, shown in SURVIVAL:
        for test in shown:
            file, _, name = test.partition("::")
            assert f"def {name}(" in (ROOT / "tests" / file).read_text(), test


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), f"{target}{anchor}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    listed = {(ROOT / "docs" / target).resolve() for target, _ in LINK.findall(index)}
    decisions = {path.resolve() for path in (ROOT / "docs" / "decisions").glob("0*.md")}
    assert {path.resolve() for path in ROOT.glob("docs/**/*.md")} - listed - decisions <= {
        (ROOT / "docs" / "README.md").resolve()
    }


def test_the_commands_of_the_readme_are_commands_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z%-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z-]+)", "\n".join(blocks("README.md", "sh")), re.MULTILINE))
    assert named
    assert named <= targets


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    (code,) = blocks("README.md", "python")
    prepared = textwrap.dedent(
        """
        import asyncio, os
        from pathlib import Path
        from sojourn.bootstrap import Engine, install
        from sojourn.config.project import load_project
        from sojourn.config.scaffold import write_project

        async def prepare() -> None:
            write_project(Path("shop"))
            project = load_project(Path("shop"), os.environ)
            await install(project.settings)
            async with Engine.open(project) as engine:
                await engine.rules.users.add("main", "ana", "her password", min_length=8)

        asyncio.run(prepare())
        """
    )
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", prepared + code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_the_pipelines_of_the_tutorial_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sojourn.config.project import load_project
    from sojourn.config.scaffold import write_project
    from sojourn.pipelines.deployment import check_pipelines, load_pipelines

    monkeypatch.setenv("HOME", str(tmp_path))
    write_project(tmp_path / "notes")
    for number, text in enumerate([*blocks("docs/tutorials/first-session.md", "yaml"), *blocks("README.md", "yaml")]):
        (tmp_path / "notes" / "pipelines" / f"p{number}.yaml").write_text(text.replace("realm: acme", "realm: main"))
    project = load_project(tmp_path / "notes", {})
    assert [str(problem) for problem in check_pipelines(project)] == []
    assert {plan.name for plan in load_pipelines(project).plans()} == {"login", "note-put", "note-get", "cart-add"}


def test_the_component_of_the_howto_can_be_declared() -> None:
    from sojourn.pipelines.component import REGISTRY

    (code,) = blocks("docs/howto/add-a-component.md", "python")
    namespace: dict[str, object] = {"__name__": "howto"}
    try:
        exec(compile(code, "howto", "exec"), namespace)
        assert REGISTRY["upper"].doc.startswith("Replace the message")
    finally:
        REGISTRY.pop("upper", None)


def test_the_realm_of_the_asgi_tutorial_follows_sessions_with_a_cookie() -> None:
    (text,) = blocks("docs/tutorials/asgi-app.md", "json")
    assert decode(text)["sessionTrackingEnabled"] is True
