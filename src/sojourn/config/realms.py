"""Realm folders: ``realms/<name>/*.json``, merged in name order; the last value of a property wins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sojourn.config.binding import label, valid_members
from sojourn.config.documents import Document, name_of, read_into
from sojourn.config.problems import Problem, Severity, shown
from sojourn.model.realm import Realm, RealmConfig

#: Name of the file with the text values for ``{{ global.name }}``.
GLOBALS_FILE = "globals.json"
MAX_GLOBAL = 10_000

# Safe in URLs and cookie names, the same folder on every file system, and no acme.bak by mistake.
_REALM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")
_GLOBAL_NAME = re.compile(r"[a-z0-9.-]{1,59}")


class MergedRealm(NamedTuple):
    """A realm as its files say it."""

    name: str
    #: What problems of the realm as a whole are attached to.
    file: str
    config: RealmConfig
    globals: Mapping[str, str]
    #: The document that gave each property its value; properties set to null are not in it.
    given: Mapping[str, Document]

    @property
    def realm(self) -> Realm:
        """The rules of the configuration, for a realm that has no row yet."""
        return Realm(key=0, id="", name=self.name, config=self.config)

    def problem(self, key: str, message: str, *others: str, severity: Severity = "error") -> Problem:
        """A problem of property ``key``, or of the first of ``others`` that was given at all."""
        found = next((name for name in (key, *others) if name in self.given), None)
        if found is None:
            return Problem(self.file, 1, f"{key}: {message}", severity)
        return self.given[found].problem((found,), f"{found}: {message}", severity=severity)

    def item_problem(self, key: str, index: int, message: str) -> Problem:
        """A problem of one item of the list ``key``."""
        return self.given[key].problem((key, index), f"{label((key, index))}{message}")


def read_realms(project: Path, problems: list[Problem]) -> dict[str, MergedRealm]:
    """All realms of a project by name; what is wrong in their files goes to ``problems``."""
    realms = {}
    for folder in _entries(project / "realms", project, problems):
        file = name_of(folder, project)
        if not folder.is_dir():
            problems.append(Problem(file, 1, "a realm is a folder with JSON files; only folders belong here"))
        elif _REALM_NAME.fullmatch(folder.name) is None:
            problems.append(
                Problem(
                    file,
                    1,
                    f"{shown(folder.name)} is no name for a realm: 1-60 of a-z 0-9 - _, a letter or digit first",
                )
            )
        elif folder.name == "shared":
            problems.append(Problem(file, 1, "this name is reserved: scripts/shared and /shared belong to all realms"))
        else:
            realms[folder.name] = _read_realm(folder, project, problems)
    return realms


def _entries(folder: Path, project: Path, problems: list[Problem]) -> list[Path]:
    """What is in ``folder`` by name; hidden files are nobody's. A missing folder is empty."""
    try:
        return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)
    except FileNotFoundError:
        return []
    except OSError as error:
        problems.append(Problem(name_of(folder, project), 1, f"cannot be read: {error.strerror}"))
        return []


def _read_realm(folder: Path, project: Path, problems: list[Problem]) -> MergedRealm:
    values: dict[str, Any] = {}
    given: dict[str, Document] = {}
    texts: Mapping[str, str] = {}
    for path in _entries(folder, project, problems):
        if path.name == "global.json":
            problems.append(Problem(name_of(path, project), 1, f"this name is reserved; globals go to {GLOBALS_FILE}"))
        elif path.suffix == ".json" and (document := read_into(path, project, problems)):
            if path.name == GLOBALS_FILE:
                texts = _globals(document, problems)
                continue
            members = valid_members(document, (), RealmConfig, problems)
            values |= members
            given |= dict.fromkeys(members, document)
    given = {key: document for key, document in given.items() if values[key] is not None}
    config = msgspec.convert({key: values[key] for key in given}, RealmConfig)
    return MergedRealm(folder.name, name_of(folder, project), config, texts, given)


def _globals(document: Document, problems: list[Problem]) -> dict[str, str]:
    if not isinstance(document.data, dict):
        problems.append(document.problem((), "expected a mapping"))
        return {}
    texts = {}
    for name, value in document.data.items():
        if wrong := _wrong_global(name, value):
            problems.append(document.problem((name,), f"{shown(name)}: {wrong}"))
        else:
            texts[name] = value
    return texts


def _wrong_global(name: str, value: Any) -> str:
    if _GLOBAL_NAME.fullmatch(name) is None:
        return "a name has 1-59 lower-case letters, digits, - and ."
    if not isinstance(value, str):
        return "expected a text; put it in quotes"
    return f"longer than {MAX_GLOBAL} characters" if len(value) > MAX_GLOBAL else ""
