"""The applications of the pages about frameworks, run as they stand there, by the tests that stand beside them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.config.scaffold import write_project
from tests.docs.test_pages import blocks
from tests.patience import HANGS

DJANGO = "docs/howto/django.md"

#: What the page leaves to the reader: a path to its view, and a browser.
THROUGH_ASGI = """
import urls
from starlette.testclient import TestClient

urls.urlpatterns.append(urls.path("visits", visits))
with TestClient(application, base_url="http://127.0.0.1:8000", headers={"Sec-Fetch-Site": "same-origin"}) as browser:
    assert browser.get("/visits").json() == {"visits": 1}
    assert browser.get("/visits").json() == {"visits": 2}
"""


async def prepare(folder: Path, realm: str) -> None:
    write_project(folder)
    (folder / "realms" / "main" / "realm.json").write_text(realm)
    project = load_project(folder, os.environ)
    assert [str(note) for note in project.notes] == []
    await install(project.settings)
    async with Engine.open(project) as engine:
        await engine.rules.users.add("main", "ana", "her password", min_length=8)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run(folder: Path, page: str, code: str, **environment: str) -> None:
    """Run ``code`` in a folder with the project of the page."""
    (realm,) = blocks(page, "json")
    asyncio.run(prepare(folder / "site", realm))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code + "\nprint('ran')"],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS,
    )
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["ran"]), done.stderr


@pytest.mark.parametrize("name", ["fastapi", "litestar", "flask"])
def test_the_application_of_the_page_does_what_its_tests_say(folder: Path, name: str) -> None:
    page = f"docs/howto/{name}.md"
    application, tests = blocks(page, "python")
    run(folder, page, application + tests)


def test_the_site_of_the_django_page_does_what_its_tests_say(folder: Path) -> None:
    settings, urls, tests, asgi, view = blocks(DJANGO, "python")
    (folder / "settings.py").write_text(settings)
    (folder / "urls.py").write_text(urls)
    begin = "import django\ndjango.setup()\n"
    code = f"{begin}{tests}{asgi}from django.http import JsonResponse\n{view}{THROUGH_ASGI}"
    run(folder, DJANGO, code, DJANGO_SETTINGS_MODULE="settings")
