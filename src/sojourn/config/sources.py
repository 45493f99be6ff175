"""Where a setting comes from: a command-line option beats the environment, the environment beats the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
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
from sojourn.config.settings import MAIN_DATABASE, NAMED_SECTIONS, SECTIONS, environment_name

#: Names of settings with their types: ``server.port`` -> int.
KNOWN: Mapping[str, Any] = {
    f"{section}.{name}": field.type
    for section, struct in SECTIONS.items()
    for name, field in members_of(struct).items()
}

#: Short names of environment variables.
SHORT = {"SOJOURN_HOST": "server.host", "SOJOURN_PORT": "server.port"}

_LIST_SETTINGS = frozenset({"server.trustedProxies"})


#: Names of what there may be several of: environment variables have them in capitals.
_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")


def type_of(setting: str) -> Any | None:
    """The type of a setting, None for what is none; ``databases.reports.url`` is one for each good name."""
    section, _, rest = setting.partition(".")
    if section not in NAMED_SECTIONS:
        return KNOWN.get(setting)
    name, _, key = rest.partition(".")
    field = members_of(NAMED_SECTIONS[section]).get(key)
    return field.type if field and _is_name(name) else None


def _is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None and name != MAIN_DATABASE


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
    given: dict[str, Given] = {}
    for section, table in document.data.items():
        if section not in SECTIONS and section not in NAMED_SECTIONS:
            message = f"unknown section {shown(section)}{nearest(section, (*SECTIONS, *NAMED_SECTIONS))}"
            problems.append(Problem(document.file, document.line((section,), key=True), message))
        elif not isinstance(table, dict):
            problems.append(document.problem((section,), f"{section}: expected a section [{section}]"))
        elif section in SECTIONS:
            given |= _of_section(document, (section,), SECTIONS[section], problems)
        else:
            for name in table:
                given |= _of_named(document, section, name, problems)
    return given


def _of_named(document: Document, section: str, name: str, problems: list[Problem]) -> dict[str, Given]:
    path = (section, name)
    if not isinstance(document.data[section][name], dict):
        problems.append(document.problem(path, f"{section}.{shown(name)}: expected a section [{section}.NAME]"))
    elif not _is_name(name):
        message = f"{section}.{shown(name)}: a name is 1-30 of a-z 0-9 _, a letter first, and not {MAIN_DATABASE}"
        problems.append(Problem(document.file, document.line(path, key=True), message))
    else:
        given = _of_section(document, path, NAMED_SECTIONS[section], problems)
        # A name without anything else is known too, so that what is missing is said.
        for key in members_of(NAMED_SECTIONS[section]).keys() - document.data[section][name].keys():
            label = f"{section}.{name}.{key}"
            given[label] = Given("", document.file, document.line(path, key=True), label)
        return given
    return {}


def _of_section(
    document: Document, path: Sequence[str], struct: type[msgspec.Struct], problems: list[Problem]
) -> dict[str, Given]:
    given: dict[str, Given] = {}
    for name, value in valid_members(document, path, struct, problems).items():
        setting = ".".join((*path, name))
        items = range(len(value)) if isinstance(value, list) else ()
        lines = tuple(document.line((*path, name, index)) for index in items)
        given[setting] = Given(value, document.file, document.line((*path, name)), setting, lines)
    return given


def from_environment(environ: Mapping[str, str], problems: list[Problem], notes: list[Problem]) -> dict[str, Given]:
    """The settings of the environment; a variable of ours that means nothing becomes a note."""
    names = {environment_name(setting): setting for setting in KNOWN} | SHORT
    given: dict[str, Given] = {}
    for variable in sorted(name for name in environ if name.startswith("SOJOURN_")):
        if variable not in names and not _named_by(variable):
            message = f"{variable}: unknown variable{nearest(variable, names)}"
            notes.append(Problem("environment", 0, message, "note"))
            continue
        setting = names.get(variable) or _named_by(variable)
        new = _from_text(setting, environ[variable], "environment", variable, problems)
        if new and setting in given and given[setting].value != new.value:
            problems.append(new.problem(f"differs from {given[setting].label}"))
        elif new:
            given[setting] = new
    return given


def _named_by(variable: str) -> str:
    """The setting of ``SOJOURN_DATABASES_REPORTS_URL``, empty for what is none."""
    for section, struct in NAMED_SECTIONS.items():
        for key in members_of(struct):
            head, tail = environment_name(f"{section}."), environment_name(key).removeprefix("SOJOURN")
            name = variable.removeprefix(head).removesuffix(tail).lower()
            if variable == environment_name(f"{section}.{name}.{key}") and _is_name(name):
                return f"{section}.{name}.{key}"
    return ""


def from_options(overrides: Mapping[str, str], problems: list[Problem]) -> dict[str, Given]:
    """The settings of the command line."""
    given = {}
    for setting, text in overrides.items():
        if type_of(setting) is None:
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
    kind = type_of(setting)
    if wrong := fits(value, kind, text=True):
        problems.append(Problem(file, 0, f"{label}: {wrong}"))
        return None
    return Given(msgspec.convert(value, kind, strict=False), file, 0, label)


def _usual_form(setting: str, value: Any, project: Path) -> Any:
    section, _, key = setting.partition(".")
    if section == "stores":
        parse_store_url(key, value, project)
        return value
    if section == "databases":
        parse_store_url("application", value, project)
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
    sections: dict[str, dict[str, Any]] = {section: {} for section in (*SECTIONS, *NAMED_SECTIONS)}
    for setting, found in given.items():
        section, *name, key = setting.split(".")
        place = sections[section].setdefault(name[0], {}) if name else sections[section]
        place[key] = found.value
    return sections
