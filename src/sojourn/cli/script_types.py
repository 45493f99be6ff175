"""``sojourn scripts types``: what editors need to complete and check the scripts of a project."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply
from sojourn.config.project import load_project
from sojourn.core.errors import SojournError
from sojourn.engine.files.file import EDITOR_CONFIG, TYPES
from sojourn.scripting.reference.typings import typings

#: Every file is a unit of its own, as files are when they run: names of one are not names of another.
_CONFIG = f"""\
{{
  "compilerOptions": {{
    "target": "es2023",
    "lib": ["es2023"],
    "module": "commonjs",
    "moduleDetection": "force",
    "types": [],
    "checkJs": true,
    "noEmit": true
  }},
  "include": ["{TYPES}", "**/*.js"]
}}
"""


class TypesNotWritten(SojournError):
    """The types of scripts cannot be written into the project."""

    code = "project.types_not_written"


def add_to(app: typer.Typer) -> None:
    """Add the command to the others."""
    app.command()(types)


@refusals
def types(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Write sojourn.d.ts, and jsconfig.json where there is none, into the first folder of scripts: editors then know what
    scripts see. Call it again after an update of Sojourn.
    """
    folder = load_project(project, os.environ).settings.script_roots[0]
    written = write_types(folder)
    reply(as_json, {"written": [str(path) for path in written]}, "\n".join(f"{path} written" for path in written))


def write_types(folder: Path) -> list[Path]:
    """Write the files into ``folder``, which is made when it is not there, and tell them; a ``jsconfig.json`` that is there
    belongs to the developer. Raises :class:`TypesNotWritten` when the disk refuses.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_replace(folder / TYPES, typings()), *_add(folder / EDITOR_CONFIG, _CONFIG)]
    except OSError as error:
        raise TypesNotWritten(f"{error.filename or folder}: {error.strerror}") from error


def _replace(path: Path, text: str) -> Path:
    """Write a file anew; an editor never sees half of it."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def _add(path: Path, text: str) -> list[Path]:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return []
    return [path]
