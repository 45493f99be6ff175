"""The empty, commented project that ``sojourn init`` writes."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from sojourn.config.binding import members_of
from sojourn.config.reference import description
from sojourn.config.settings import NAMED_SECTIONS, SECTIONS, Section, environment_name
from sojourn.core.errors import SojournError

_HEAD = """\
# Settings of this Sojourn project. Every key stands here with its default; remove the # to change it.
# The environment beats this file ({example}), a command-line option beats both.
# `sojourn check` says what is wrong, with file and line.
"""

_REALM = """\
{
  "environmentType": "stateless",
  "sessionIdle": 900000,
  "sessionLifetime": 86400000,
  "tokenLifetime": 3600000
}
"""


class FolderNotEmpty(SojournError):
    """The folder for the new project is not empty."""

    code = "project.folder_not_empty"


def write_project(folder: Path) -> None:
    """Make an empty project in ``folder``, which is made when it is not there.

    Raises :class:`FolderNotEmpty` before anything is written, OSError when the disk refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FolderNotEmpty(f"{folder} is not an empty folder")
    (folder / "realms" / "main").mkdir(parents=True)
    (folder / "var").mkdir(mode=0o700)
    for name in ("pipelines", "scripts", "routes"):
        (folder / name).mkdir()
        # Git keeps no empty folders.
        _write(folder / name / ".gitkeep", "")
    _write(folder / ".gitignore", "/var/\n")
    _write(folder / "realms" / "main" / "realm.json", _REALM)
    # Last, because it is what makes the folder a project.
    _write(folder / "sojourn.toml", settings_template())


def settings_template() -> str:
    """A ``sojourn.toml`` that changes nothing."""
    sections = "".join(_section(name, struct) for name, struct in SECTIONS.items())
    named = "".join(_named(name, struct) for name, struct in NAMED_SECTIONS.items())
    return _HEAD.format(example=f"{environment_name('server.publicUrl')}=…") + sections + named


def _section(name: str, struct: type[Section]) -> str:
    lines = [f"\n[{name}]"]
    defaults = struct()
    for key, field in members_of(struct).items():
        value = msgspec.json.encode(getattr(defaults, field.name)).decode()
        lines += [f"# {description(field)}", f"# {key} = {value}"]
    return "\n".join(lines) + "\n"


def _named(name: str, struct: type[Section]) -> str:
    """A section that is there as often as somebody writes it: never, to begin with."""
    lines = [f"\n# {struct.__doc__}", f"# [{name}.NAME]"]
    for key, field in members_of(struct).items():
        lines += [f"# {description(field)}", f'#   {key} = "sqlite:///var/NAME.db"']
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """Write ``text``; never over a file that came meanwhile."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
