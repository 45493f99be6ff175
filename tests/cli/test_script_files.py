"""``sojourn scripts``: files of scripts between folders and the engine database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Line


def write(folder: Path, name: str, text: str = "1") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def code(line: Line, *arguments: str) -> Any:
    """The code of a command that is refused."""

    done = line.run(*arguments, "--json")
    assert done.exit_code == 1, done.output
    return json.loads(done.stdout)["code"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    write(folder, "main.js", "'main'")
    write(folder, "lib/caf\u00e9 1.js", "'caf\u00e9'")
    write(folder, "startup/a.startup.js", "'a'")
    write(folder, ".git/config", "hidden")
    return folder


def test_a_folder_goes_there_and_comes_back(line: Line, source: Path, tmp_path: Path) -> None:
    pushed = line.json("scripts", "push", str(source), "/shared/app")
    uris = ["vfs:/shared/app/lib/caf%C3%A9%201.js", "vfs:/shared/app/main.js", "vfs:/shared/app/startup/a.startup.js"]
    assert (sorted(pushed["written"]), pushed["unchanged"], pushed["deleted"]) == (uris, 0, [])
    listed = line.json("scripts", "list", "vfs:/shared/app")
    assert [row["uri"] for row in listed] == uris
    assert [row["type"] for row in listed] == [*["application/javascript"] * 2, "application/x-startup"]
    pulled = tmp_path / "pulled"
    assert len(line.json("scripts", "pull", "vfs:/shared/app/", str(pulled))["written"]) == 3
    assert (pulled / "lib/caf\u00e9 1.js").read_text() == "'caf\u00e9'"
    again = line.json("scripts", "push", str(pulled), "/shared/app")
    assert (again["written"], again["unchanged"]) == ([], 3)


def test_what_would_be_overwritten_is_named_first(line: Line, source: Path) -> None:
    line.json("scripts", "push", str(source), "/shared/app")
    write(source, "main.js", "'mine'")
    done = line.run("scripts", "pull", "/shared/app", str(source))
    assert (done.exit_code, (source / "main.js").read_text()) == (1, "'mine'")
    assert "main.js is another file" in done.stderr
    line.json("scripts", "pull", "/shared/app", str(source), "--force")
    assert (source / "main.js").read_text() == "'main'"


def test_files_that_are_gone_are_deleted_when_that_is_wanted(line: Line, source: Path) -> None:
    line.json("scripts", "push", str(source), "/shared/app")
    (source / "main.js").unlink()
    write(source, "new.js")
    dry = line.json("scripts", "push", str(source), "/shared/app", "--delete", "--dry-run")
    assert (dry["wouldWrite"], dry["deleted"]) == (1, ["vfs:/shared/app/main.js"])
    assert line.json("scripts", "push", str(source), "/shared/app")["deleted"] == []
    assert line.json("scripts", "push", str(source), "/shared/app", "--delete")["deleted"] == [
        "vfs:/shared/app/main.js"
    ]
    assert len(line.json("scripts", "list", "vfs:/shared")) == 3


def test_one_file_with_its_versions(line: Line, tmp_path: Path) -> None:
    file = write(tmp_path, "x.js", "'one'")
    line.json("scripts", "push", str(file), "vfs:/shared/x.js", "--type", "application/x-startup")
    file.write_text("'two'")
    line.json("scripts", "push", str(file), "/shared/x.js")
    shown = line.json("scripts", "show", "/shared/x.js")
    assert (shown["text"], shown["version"], shown["type"]) == ("'two'", 2, "application/x-startup")
    assert line.run("scripts", "show", str(shown["key"]), "--version", "1").stdout == "'one'"
    assert line.json("scripts", "move", "/shared/x.js", "/shared/lib/y.js")["uri"] == "vfs:/shared/lib/y.js"
    assert code(line, "scripts", "delete", "/shared/lib") == "file.folder_not_empty"
    line.json("scripts", "delete", "vfs:/shared/lib/y.js")
    assert line.json("scripts", "list", "vfs:/shared") == []
    (gone,) = line.json("scripts", "list", "--deleted")
    key = str(gone["key"])
    assert [row["act"] for row in line.json("scripts", "versions", key)] == ["deleted", "renamed", "written", "created"]
    assert line.json("scripts", "restore", key, "1")["uri"] == "vfs:/shared/lib/y.js"
    assert line.json("scripts", "show", key)["text"] == "'one'"
    assert "restored" in line.run("scripts", "versions", key).stdout


def test_files_on_disk_are_listed_and_shown(line: Line) -> None:
    write(line.project / "scripts", "jobs/night.js", "'night'")
    (line.project / "scripts" / "link.js").symlink_to("jobs/night.js")
    assert [row["uri"] for row in line.json("scripts", "list", "ufs:/jobs")] == ["ufs:/jobs/night.js"]
    assert line.run("scripts", "show", "ufs:/jobs/night.js").stdout == "'night'"
    assert code(line, "scripts", "show", "ufs:/link.js") == "file.unknown"
    assert code(line, "scripts", "delete", "ufs:/jobs/night.js") == "file.unknown"


def test_what_is_refused(line: Line, source: Path, tmp_path: Path) -> None:
    for path in ("/nobody/x.js", "/shared/../x.js", "/shared", "ufs:/x.js", "vfs:ikey?1", "/shared/nul.js", "x.js"):
        assert code(line, "scripts", "push", str(source / "main.js"), path) == "file.bad_path"
    assert code(line, "scripts", "push", str(tmp_path / "none"), "/shared/x") == "file.local"
    assert code(line, "scripts", "push", "/dev/zero", "/shared/x") == "file.local"
    (source / "link").symlink_to(tmp_path)
    assert code(line, "scripts", "push", str(source), "/shared/app") == "file.local"
    (source / "link").unlink()
    write(source, "con.js")
    assert code(line, "scripts", "push", str(source), "/shared/app") == "file.bad_path"
    assert line.json("scripts", "list", "vfs:/shared") == []


def test_a_link_on_disk_is_never_written_through(line: Line, source: Path, tmp_path: Path) -> None:
    line.json("scripts", "push", str(source), "/shared/app")
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    target.mkdir()
    (target / "lib").symlink_to(elsewhere)
    assert code(line, "scripts", "pull", "/shared/app", str(target), "--force") == "file.local"
    (target / "lib").unlink()
    (target / "main.js").symlink_to(elsewhere / "main.js")
    assert code(line, "scripts", "pull", "/shared/app", str(target), "--force") == "file.local"
    assert list(elsewhere.iterdir()) == []
