"""Where a setting comes from: a command-line option beats the environment, the environment beats the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from sojourn.config.addresses import (
    BadAddress,
    check_host,
    check_network,
    parse_listen,
    parse_origin,
    parse_store_url,
)
from sojourn.config.binding import fits, members_of, valid_members
from sojourn.config.documents import Document
from sojourn.config.problems import Problem, Severity, nearest, shown
from sojourn.config.settings import SECTIONS, environment_name

#: Names of settings with their types: ``server.port`` -> int.
KNOWN: Mapping[str, Any] = {
    f"{section}.{name}": field.type
    for section, struct in SECTIONS.items()
    for name, field in members_of(struct).items()
}

#: Short names of environment variables.
SHORT = {"SOJOURN_HOST": "server.host", "SOJOURN_PORT": "server.port"}

_LIST_SETTINGS = frozenset({"server.trustedProxies"})


class Given(NamedTuple):
    """A setting that somebody gave, and where."""

    value: Any
    file: str
    line: int
    label: str
    #: Lines of the items of a list, where they have some of their own.
    items: tuple[int, ...] = ()

    def problem(self, message: str, severity: Severity = "error") -> Problem:
        """A problem of this setting."""
        return Problem(self.file, self.line, f"{self.label}: {message}", severity)

    def item_problem(self, index: int, message: str) -> Problem:
        """A problem of one item of a list."""
        line = self.items[index] if self.items else self.line
        return Problem(self.file, line, f"{self.label}[{index}]: {message}")


def from_file(document: Document, problems: list[Problem]) -> dict[str, Given]:
    """The settings of ``sojourn.toml``."""
    given = {}
    for section, table in document.data.items():
        if section not in SECTIONS:
            message = f"unknown section {shown(section)}{nearest(section, SECTIONS)}"
            problems.append(Problem(document.file, document.line((section,), key=True), message))
        elif not isinstance(table, dict):
            problems.append(document.problem((section,), f"{section}: expected a section [{section}]"))
        else:
            for name, value in valid_members(document, (section,), SECTIONS[section], problems).items():
                setting = f"{section}.{name}"
                items = range(len(value)) if isinstance(value, list) else ()
                lines = tuple(document.line((section, name, index)) for index in items)
                given[setting] = Given(value, document.file, document.line((section, name)), setting, lines)
    return given


def from_environment(environ: Mapping[str, str], problems: list[Problem], notes: list[Problem]) -> dict[str, Given]:
    """The settings of the environment; a variable of ours that means nothing becomes a note."""
    names = {environment_name(setting): setting for setting in KNOWN} | SHORT
    given: dict[str, Given] = {}
    for variable in sorted(name for name in environ if name.startswith("SOJOURN_")):
        if variable not in names:
            message = f"{variable}: unknown variable{nearest(variable, names)}"
            notes.append(Problem("environment", 0, message, "note"))
            continue
        setting = names[variable]
        new = _from_text(setting, environ[variable], "environment", variable, problems)
        if new and setting in given and given[setting].value != new.value:
            problems.append(new.problem(f"differs from {given[setting].label}"))
        elif new:
            given[setting] = new
    return given


def from_options(overrides: Mapping[str, str], problems: list[Problem]) -> dict[str, Given]:
    """The settings of the command line."""
    given = {}
    for setting, text in overrides.items():
        if setting not in KNOWN:
            message = f"unknown setting {shown(setting)}{nearest(setting, KNOWN)}"
            problems.append(Problem("command line", 0, message))
        elif new := _from_text(setting, text, "command line", setting, problems):
            given[setting] = new
    return given


def checked(given: Mapping[str, Given], project: Path, problems: list[Problem]) -> dict[str, Given]:
    """Those of ``given`` that mean something, their values in the usual form."""
    kept = {}
    for setting, found in given.items():
        before = len(problems)
        value = _networks(found, problems) if setting in _LIST_SETTINGS else found.value
        try:
            value = _usual_form(setting, value, project)
        except BadAddress as error:
            problems.append(found.problem(error.message))
        if len(problems) == before:
            kept[setting] = found._replace(value=value)
    return kept


def _from_text(setting: str, text: str, file: str, label: str, problems: list[Problem]) -> Given | None:
    value: Any = text
    if setting in _LIST_SETTINGS:
        value = [item.strip() for item in text.split(",") if item.strip()]
    if wrong := fits(value, KNOWN[setting], text=True):
        problems.append(Problem(file, 0, f"{label}: {wrong}"))
        return None
    return Given(msgspec.convert(value, KNOWN[setting], strict=False), file, 0, label)


def _usual_form(setting: str, value: Any, project: Path) -> Any:
    section, _, key = setting.partition(".")
    if section == "stores":
        parse_store_url(key, value, project)
        return value
    form = _FORMS.get(setting)
    return form(value) if form else value


def _public_url(url: str) -> str:
    return parse_origin(url) if url else ""


def _listen(url: str) -> str:
    parse_listen(url)
    return url


def _networks(found: Given, problems: list[Problem]) -> list[str]:
    networks = []
    for index, text in enumerate(found.value):
        try:
            networks.append(check_network(text))
        except BadAddress as error:
            problems.append(found.item_problem(index, error.message))
    return networks


def _key_file(name: str) -> str:
    if not name.isprintable() or name.endswith("/"):
        raise BadAddress("expected the path of a file")
    return name


_FORMS: Mapping[str, Callable[[Any], Any]] = {
    "server.host": check_host,
    "server.publicUrl": _public_url,
    "admin.listen": _listen,
    "admin.publicUrl": _public_url,
    "keys.masterKeyFile": _key_file,
}


def merged(given: Mapping[str, Given]) -> dict[str, dict[str, Any]]:
    """The values of ``given`` by section and key."""
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for setting, found in given.items():
        section, _, key = setting.partition(".")
        sections[section][key] = found.value
    return sections
