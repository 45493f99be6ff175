"""Changed files of routes and scripts while serving; what cannot be read leaves the last good version in use."""

from __future__ import annotations

import json

import pytest

from sojourn.cli.reload import Reloader
from tests.scripting.web.conftest import Site

pytestmark = pytest.mark.anyio


async def test_a_changed_file_of_routes_serves_and_a_broken_one_changes_nothing(site: Site) -> None:
    reloader = Reloader(site.engine, site.app)
    file, script = site.folder / "routes" / "more.yaml", site.script("'one'")
    try:
        file.write_text(f"realm: api\nroutes:\n  - path: /more\n    script: {script}\n")
        assert await reloader.reload()
        assert (await site.get("/more")).body == b"one"
        file.write_text(f"realm: api\nroutes:\n  - path: more\n    script: {script}\n")
        assert not await reloader.reload()
        assert (await site.get("/more")).body == b"one"
        assert list(site.app.health.stale) == ["routes/more.yaml:3: path 'more' does not begin with /"]
        file.write_text(f"realm: api\nroutes:\n  - path: /less\n    script: {script}\n")
        assert await reloader.reload()
        assert [(await site.get(path)).status for path in ("/more", "/less")] == [404, 200]
        assert list(site.app.health.stale) == []
    finally:
        file.unlink()


async def test_a_changed_script_is_run_at_once(site: Site) -> None:
    path = site.route("'old'")
    assert (await site.get(path)).body == b"old"
    (site.folder / "scripts" / f"t{int(path[2:]) - 1}.js").write_text("'new'")
    assert (await site.get(path)).body == b"new"


async def test_a_request_under_way_keeps_the_route_it_began_with(site: Site) -> None:
    path = site.route("response.write(String(request.pathParams.id)); request.content.length", under="/:id<number>")
    assert (await site.get(f"{path}/5")).body == b"5"


def test_routes_of_a_project_are_json_or_yaml_with_both_endings(site: Site) -> None:
    assert json.loads((site.folder / "routes" / "tests.yaml").read_text())["routes"]
