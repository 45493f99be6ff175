"""``sojourn scripts types``: an editor that is opened on the scripts of a project knows what they see."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from sojourn.cli import serving
from sojourn.scripting.reference.typings import typings
from tests.cli.conftest import Line

CART = """\
const cart = session.fields.get('cart', []);
module.exports = { count: cart.length, user: session.userName };
"""
SHOW = """\
const cart = require('./cart.js');
({ count: cart.count.toFixed(0), user: cart.user, path: request.path });
"""


def test_a_new_project_has_the_types_and_nothing_complains_of_them(line: Line) -> None:
    scripts = line.project / "scripts"
    assert (scripts / "sojourn.d.ts").read_text() == typings()
    assert json.loads((scripts / "jsconfig.json").read_text())["compilerOptions"]["checkJs"] is True
    assert line.json("scripts", "check")["problems"] == []


def test_the_types_are_written_anew_and_the_developers_own_settings_stay(line: Line) -> None:
    scripts = line.project / "scripts"
    (scripts / "sojourn.d.ts").write_text("// of an older version\n")
    (scripts / "jsconfig.json").write_text('{"mine": 1}')
    assert line.json("scripts", "types")["written"] == [str(scripts / "sojourn.d.ts")]
    assert (scripts / "sojourn.d.ts").read_text() == typings()
    assert (scripts / "jsconfig.json").read_text() == '{"mine": 1}'
    assert sorted(path.name for path in scripts.iterdir()) == [".gitkeep", "jsconfig.json", "sojourn.d.ts"]


def test_they_go_into_the_first_folder_of_scripts(line: Line) -> None:
    with (line.project / "sojourn.toml").open("a") as settings:
        settings.write('\n[scripts]\nroots = ["own", "scripts"]\n')
    text = (line.project / "sojourn.toml").read_text()
    (line.project / "sojourn.toml").write_text(text.replace("[scripts]\n", "", 1))
    written = line.json("scripts", "types")["written"]
    assert written == [str(line.project / "own" / name) for name in ("sojourn.d.ts", "jsconfig.json")]


def test_a_disk_that_refuses_is_told_in_one_line(line: Line) -> None:
    scripts = line.project / "scripts"
    (scripts / "sojourn.d.ts").unlink()
    (scripts / "sojourn.d.ts").mkdir()
    done = line.run("scripts", "types", "--json")
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "project.types_not_written")
    assert "sojourn.d.ts" in done.stderr


def test_a_checker_reads_scripts_by_the_settings_that_are_written(line: Line) -> None:
    deno = pytest.importorskip("deno", reason="needs the extra v8, whose Deno checks types")
    scripts = line.project / "scripts"
    given = json.loads((scripts / "jsconfig.json").read_text())["compilerOptions"]
    (scripts / "cart.js").write_text(CART)
    options = {"lib": given["lib"], "checkJs": given["checkJs"], "types": ["./sojourn.d.ts"]}
    (scripts / "deno.json").write_text(json.dumps({"compilerOptions": options}))
    env = {**os.environ, "DENO_DIR": str(line.project / ".deno"), "DENO_NO_UPDATE_CHECK": "1", "NO_COLOR": "1"}
    command = [deno.find_deno_bin(), "check", "--no-lock", "--cached-only", "cart.js"]
    done = subprocess.run(command, cwd=scripts, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "Check cart.js\n")


def test_the_example_has_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "serve_project", lambda *_, **__: None)
    serving.demo(tmp_path / "shop", None, None)
    assert (tmp_path / "shop" / "scripts" / "sojourn.d.ts").read_text() == typings()
