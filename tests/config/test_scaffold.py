"""The project that init writes."""

import re
import stat
from pathlib import Path

import pytest

from sojourn.config.project import load_project
from sojourn.config.scaffold import FolderNotEmpty, settings_template, write_project
from sojourn.config.settings import Settings
from sojourn.config.sources import KNOWN
from sojourn.model.realm import RealmConfig


def test_a_new_project_has_nothing_to_complain_about_and_changes_no_default(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "shop"
    write_project(folder)
    project = load_project(folder, {})
    assert project.notes == ()
    assert project.settings == Settings(project=folder)
    assert set(project.realms) == {"main"}
    plain = RealmConfig(session_idle=900_000, session_lifetime=86_400_000)
    assert project.realms["main"].config == plain


def test_every_setting_is_commented_with_its_default(tmp_path: Path) -> None:
    write_project(tmp_path / "shop")
    path = tmp_path / "shop" / "sojourn.toml"
    text = re.sub(r"^# (\w+ = )", r"\1", path.read_text(), flags=re.MULTILINE)
    path.write_text(text)
    assert len(re.findall(r"^\w+ = ", text, flags=re.MULTILINE)) == len(KNOWN)
    assert load_project(tmp_path / "shop", {}).settings == Settings(project=tmp_path / "shop")
    assert settings_template() != text


def test_folders_are_there_and_data_are_private_and_ignored(tmp_path: Path) -> None:
    write_project(tmp_path / "shop")
    folders = {path.name for path in (tmp_path / "shop").iterdir() if path.is_dir()}
    assert folders == {"pipelines", "realms", "routes", "scripts", "var"}
    assert stat.S_IMODE((tmp_path / "shop" / "var").stat().st_mode) == 0o700
    assert (tmp_path / "shop" / ".gitignore").read_text() == "/var/\n"


def test_an_empty_folder_is_used_and_any_other_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write_project(tmp_path / "empty")
    before = sorted(tmp_path.rglob("*"))
    for name in ("empty", "empty/sojourn.toml"):
        with pytest.raises(FolderNotEmpty):
            write_project(tmp_path / name)
    assert sorted(tmp_path.rglob("*")) == before
