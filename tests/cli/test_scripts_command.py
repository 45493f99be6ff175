"""``sojourn scripts run``, ``debug`` and ``check`` on a project with a realm of each runtime."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Line

RUNTIMES = [name for name in ("ije", "v8") if importlib.util.find_spec(f"sojourn.scripting.{name}")]

HELLO = """\
console.log('hello', who);
({ user: session.userName, scope: session.scope, sum: executeScript('ufs:/sum.js', 'a', 2), at: new Date(0), u: undefined })
"""


@pytest.fixture
def scripts(line: Line) -> Path:
    """The folder of the scripts, with some in it."""
    for runtime in RUNTIMES:
        folder = line.project / "realms" / f"on-{runtime}"
        folder.mkdir()
        (folder / "realm.json").write_text(json.dumps({"runtime": runtime}))
    scripts = line.project / "scripts"
    (scripts / "hello.js").write_text(HELLO)
    (scripts / "sum.js").write_text("a + 1\n")
    (scripts / "broken.js").write_text("function f() {\n  throw new RangeError('too far');\n}\nf();\n")
    return scripts


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_script_is_run_for_an_account_with_its_parameters(line: Line, scripts: Path, runtime: str) -> None:
    assert scripts.is_dir()
    done = line.run("scripts", "run", "ufs:/hello.js", "--realm", f"on-{runtime}", "--param", "who=me", "--json")
    assert (done.exit_code, done.stderr) == (0, "info: hello me\n")
    assert json.loads(done.stdout) == {
        "user": "anonymous",
        "scope": "",
        "sum": 3,
        "at": "1970-01-01T00:00:00Z",
        "u": None,
    }
    as_admin = line.json(
        "scripts", "run", "/hello.js", "--realm", f"on-{runtime}", "--user", "admin", "--param", "who=a=b"
    )
    assert (as_admin["user"], as_admin["scope"]) == ("admin", "security.root")
    audited = line.json("audit", "list", "--kind", "REMOTE_LOGIN")
    assert [event["actor"] for event in audited] == ["admin", "admin"], audited


def test_a_value_is_printed_as_it_is(line: Line, scripts: Path) -> None:
    for code, text in {
        "'a text'": "a text",
        "[1, 'a']": '[1,"a"]',
        "undefined": "null",
        # As a route runs it: a block whose last value is no function, and whose names are its own.
        "(function () { return 1; })": "null",
        "#!/usr/bin/env node\nconst session = 'mine'; session": "mine",
        "12345678901234567890n": "12345678901234567890",
        "NaN": "NaN",
        "new Uint8Array([1, 2])": "AQI=",
    }.items():
        (scripts / "value.js").write_text(code)
        done = line.run("scripts", "run", "ufs:/value.js", "--realm", "on-ije")
        assert (done.exit_code, done.stdout) == (0, f"{text}\n"), done.output


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_failure_is_told_with_its_place(line: Line, scripts: Path, runtime: str) -> None:
    assert scripts.is_dir()
    done = line.run("scripts", "run", "ufs:/broken.js", "--realm", f"on-{runtime}", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == {"message": "RangeError: too far", "code": "script.failed"}
    thrown, place, *_ = done.stderr.splitlines()
    assert thrown == "RangeError: too far"
    assert "ufs:/broken.js:2:" in place


def test_a_script_is_named_by_its_file_as_the_shell_completes_it(
    line: Line, scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scripts / "deep").mkdir()
    (scripts / "deep" / "one.js").write_text("1\n")
    monkeypatch.chdir(line.project)
    done = line.run("scripts", "run", "scripts/deep/one.js", "--realm", "on-ije")
    assert (done.exit_code, done.stdout) == (0, "1\n"), done.output
    (line.project / "beside.js").write_text("1\n")
    refused = line.run("scripts", "run", "beside.js", "--realm", "on-ije")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "ufs:/folder/name.js" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("ufs:/none.js", "--realm", "on-ije"),
        ("ufs:/../sojourn.toml", "--realm", "on-ije"),
        ("ufs:/hello.js", "--realm", "nowhere"),
        ("ufs:/hello.js", "--realm", "on-ije", "--user", "nobody"),
    ],
)
def test_what_is_not_there_is_refused(line: Line, scripts: Path, arguments: tuple[str, ...]) -> None:
    assert scripts.is_dir()
    assert line.run("scripts", "run", *arguments).exit_code == 1


def test_an_account_that_is_disabled_runs_nothing(line: Line, scripts: Path) -> None:
    assert scripts.is_dir()
    line.run("users", "add", "eve", "--password-stdin", stdin="seven quiet otters at dawn\n")
    line.run("users", "disable", "eve")
    done = line.run("scripts", "run", "ufs:/hello.js", "--realm", "on-ije", "--user", "eve", "--param", "who=x")
    assert done.exit_code == 1
    assert "hello" not in done.output


def test_a_parameter_has_a_name_and_a_value(line: Line, scripts: Path) -> None:
    assert scripts.is_dir()
    for odd in ("x", "=x"):
        assert line.run("scripts", "run", "ufs:/sum.js", "--realm", "on-ije", "--param", odd).exit_code == 2


def test_debug_shows_what_a_script_does_and_when(line: Line, scripts: Path) -> None:
    assert scripts.is_dir()
    document = line.json("scripts", "debug", "ufs:/hello.js", "--realm", "on-ije", "--param", "who=me")
    called = [call["function"] for call in document["calls"]]
    assert called == ["Log.write", "Session.userName", "Session.scope", "Globals.executeScript"]
    assert document["hostCalls"] == len(called)
    assert [(entry["level"], entry["text"]) for entry in document["log"]] == [("info", "hello me")]
    times = [call["at"] for call in document["calls"]]
    assert times == sorted(times)
    assert all(call["at"] + call["took"] <= document["took"] for call in document["calls"])
    assert (document["value"]["sum"], document["error"]) == (3, None)
    told = line.run("scripts", "debug", "ufs:/broken.js", "--realm", "on-ije")
    assert told.exit_code == 1
    assert "=> RangeError: too far" in told.stdout
    assert "ufs:/broken.js:2:" in told.stdout


def test_check_finds_what_is_no_javascript_and_what_nobody_finds(line: Line, scripts: Path) -> None:
    (scripts / "lib").mkdir()
    (scripts / "lib" / "util.js").write_text("#!/usr/bin/env node\n'use strict';\nmodule.exports = 1;\n")
    (scripts / "good.js").write_text(
        "const util = require('./lib/util');\nconst s = require('@nginstack/engine/lib/session/Session.js');\n"
        "// require('./comment')\nconst t = \"require('./text')\" + `require('./template')`;\nthrow new Error('never run');\n"
    )
    assert line.json("scripts", "check") == {"problems": [], "ok": True}
    (scripts / "bad.js").write_text("let x = 1;\nlet y = ;\n")
    (scripts / "lib" / "odd.json").write_text("{a}")
    (scripts / "asks.js").write_text("\nrequire('./nowhere');\nrequire(\"@nginstack/engine/lib/none/None\");\n")
    (scripts / "on-ije").mkdir()
    (scripts / "on-ije" / "only.js").write_text("let = {;")
    (scripts / "sly.js").write_text("}); throw new Error('executed'); (function () {")
    done = line.run("scripts", "check", "--json")
    assert done.exit_code == 1
    found = {(one["file"], one["line"]) for one in json.loads(done.stdout)["problems"]}
    assert found >= {
        ("scripts/bad.js", 2),
        ("scripts/lib/odd.json", 1),
        ("scripts/asks.js", 2),
        ("scripts/asks.js", 3),
        ("scripts/on-ije/only.js", 1),
    }
    assert "scripts/bad.js:2: SyntaxError" in line.run("scripts", "check").stdout
    said = [one["message"] for one in json.loads(done.stdout)["problems"] if one["file"] == "scripts/on-ije/only.js"]
    assert [message.rpartition("(")[2] for message in said] == ["ije)"]


def test_check_tells_of_routes_and_scripts_at_once(line: Line, scripts: Path) -> None:
    (scripts / "bad.js").write_text("let x = ;\n")
    (line.project / "routes").mkdir(exist_ok=True)
    (line.project / "routes" / "odd.yaml").write_text(
        "realm: acme\nroutes:\n  - {path: no-slash, script: 'ufs:/sum.js'}\n"
    )
    (line.project / "pipelines" / "odd.yaml").write_text("pipeline: odd\n")
    done = line.run("scripts", "check", "--json")
    assert done.exit_code == 1
    found = {(one["file"], one["line"]) for one in json.loads(done.stdout)["problems"] if one["severity"] == "error"}
    assert found == {("scripts/bad.js", 1), ("routes/odd.yaml", 3)}


def test_what_editors_need_is_no_script(line: Line, scripts: Path) -> None:
    assert line.run("scripts", "types").exit_code == 0
    (scripts / "jsconfig.json").write_text('// Comments are usual here.\n{"compilerOptions": {}}')
    assert {path.name for path in scripts.iterdir()} > {"sojourn.d.ts", "jsconfig.json"}
    assert line.json("scripts", "check") == {"problems": [], "ok": True}
    listed = [row["uri"] for row in line.json("scripts", "list", "ufs:/")]
    assert listed == ["ufs:/broken.js", "ufs:/hello.js", "ufs:/sum.js"]
    pushed = line.json("scripts", "push", str(scripts), "vfs:/shared/all")
    assert [uri.rpartition("/")[2] for uri in pushed["written"]] == ["broken.js", "hello.js", "sum.js"]


def test_a_pipeline_whose_script_is_not_there_is_a_problem_of_the_project(line: Line, scripts: Path) -> None:
    step = "  - {step: price, component: script, params: {script: 'ufs:/price.js'}}"
    text = f"pipeline: price\nversion: '1.0'\nrealm: acme\ntrigger: {{type: rest}}\nflow:\n{step}\n"
    (line.project / "pipelines" / "price.yaml").write_text(text)
    done = line.run("check")
    assert done.exit_code == 1
    assert "pipelines/price.yaml:6: step 'price': there is no script ufs:/price.js" in done.stdout
    (scripts / "price.js").write_text("message")
    assert line.run("check").exit_code == 0
