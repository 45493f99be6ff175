"""One file of a project as plain Python, with the line of everything in it.

JSON must be JSON, YAML is 1.2, TOML is what tomllib reads. Numbers are exact (``int`` or ``Decimal``); a key that
stands twice is an error in all three.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sojourn.config.json_reader import read_json
from sojourn.config.positions import Malformed, Parsed, Place
from sojourn.config.problems import ConfigError, Problem, Severity
from sojourn.config.toml_reader import read_toml
from sojourn.config.yaml_reader import read_yaml

#: Largest file that is read, in bytes.
MAX_SIZE = 1_048_576

_READERS: dict[str, Callable[[str], Parsed]] = {
    ".json": read_json,
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".toml": read_toml,
}


class Document:
    """What a file holds, and where."""

    def __init__(self, file: str, parsed: Parsed) -> None:
        #: Path from the project folder, with ``/``.
        self.file = file
        #: Plain dicts, lists and scalars.
        self.data: Any = parsed.data
        self._places = parsed.places

    def line(self, path: Sequence[str | int], *, key: bool = False) -> int:
        """The line of the value at ``path``, with ``key`` of the key before it.

        Where there is nothing, the line of what it would stand in.
        """
        for length in range(len(path), -1, -1):
            place = self._places.get(tuple(path[:length]))
            if place is not None:
                return place.key if key else place.value
        return 1

    def problem(self, path: Sequence[str | int], message: str, *, severity: Severity = "error") -> Problem:
        """A problem of the value at ``path``."""
        return Problem(self.file, self.line(path), message, severity)


def read_document(path: Path, project: Path) -> Document:
    """Read the file ``path`` of the folder ``project``; raises :class:`ConfigError` when it is not well formed."""
    problems: list[Problem] = []
    document = read_into(path, project, problems)
    if document is None or problems:
        raise ConfigError(problems)
    return document


def read_into(path: Path, project: Path, problems: list[Problem]) -> Document | None:
    """Like :func:`read_document`, but add to ``problems``; None only when nothing of the file can be used."""
    file = name_of(path, project)
    try:
        parsed = _READERS[path.suffix](_text(path))
    except Malformed as error:
        problems.append(Problem(file, *error.fault))
        return None
    problems.extend(Problem(file, *fault) for fault in parsed.faults)
    return Document(file, parsed)


def document_of(file: str, data: Any, line: int = 1) -> Document:
    """A document that was made, not read: everything in it stands in ``line`` of ``file``."""
    return Document(file, Parsed(data, {(): Place(line, line)}, []))


def name_of(path: Path, project: Path) -> str:
    """How ``path`` is called in messages: from the project folder, or whole when it lies elsewhere."""
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.as_posix()


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise Malformed(1, f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_SIZE:
        raise Malformed(1, f"larger than {MAX_SIZE} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed(raw.count(b"\n", 0, error.start) + 1, "not UTF-8") from None
