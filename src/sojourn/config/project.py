"""A project folder as one value: settings and realms, or every problem that they have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from sojourn.config.documents import read_into
from sojourn.config.problems import ConfigError, Problem
from sojourn.config.providers import ProviderFile, read_providers
from sojourn.config.realm_rules import REALM_RULES
from sojourn.config.realms import MergedRealm, read_realms
from sojourn.config.rules import RULES, Whole
from sojourn.config.settings import Settings
from sojourn.config.sizes import BadSize, parse_size
from sojourn.config.sources import Given, checked, from_environment, from_file, from_options, merged
from sojourn.model.realm import RealmConfig

__all__ = ["BadSize", "Project", "ProviderFile", "RealmFolder", "load_project", "parse_size"]

SETTINGS_FILE = "sojourn.toml"

_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


class RealmFolder(NamedTuple):
    """One realm as its folder says it."""

    name: str
    config: RealmConfig
    #: Text values for ``{{ global.name }}``.
    globals: Mapping[str, str]
    #: Warnings and notes of this realm alone.
    notes: tuple[Problem, ...]


class Project(NamedTuple):
    """A project without errors."""

    settings: Settings
    realms: Mapping[str, RealmFolder]
    #: All warnings and notes, those of the realms included, sorted by file and line.
    notes: tuple[Problem, ...]
    #: The identity providers by name.
    providers: Mapping[str, ProviderFile] = MappingProxyType({})


def load_project(folder: Path, environ: Mapping[str, str], overrides: Mapping[str, str] = _NO_OPTIONS) -> Project:
    """Read and check ``sojourn.toml``, all realms and all identity providers of ``folder``.

    ``overrides`` are the command line's settings by name (``server.port``); they beat ``environ``, which beats the
    file. Raises :class:`ConfigError` with the errors of all files at once.
    """
    folder = folder.absolute()
    found: list[Problem] = []
    given = _given(folder, environ, overrides, found)
    settings = msgspec.convert({"project": folder, **merged(given)}, Settings)
    realms = read_realms(folder, found)
    providers = read_providers(folder, realms, found)
    by_realm = {name: [problem for rule in REALM_RULES for problem in rule(realm)] for name, realm in realms.items()}
    whole = Whole(settings, given, realms)
    found += [problem for problems in by_realm.values() for problem in problems]
    found += [problem for rule in RULES for problem in rule(whole)]
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        raise ConfigError(errors)
    folders = {name: _realm_folder(realm, by_realm[name]) for name, realm in realms.items()}
    return Project(settings, folders, tuple(sorted(found)), providers)


def _given(
    folder: Path, environ: Mapping[str, str], overrides: Mapping[str, str], found: list[Problem]
) -> dict[str, Given]:
    """Each setting from the strongest place that has it; a bad value of a weaker place is still reported."""
    path = folder / SETTINGS_FILE
    sources = [from_environment(environ, found, found), from_options(overrides, found)]
    if not path.exists():
        message = f"not found: {folder.name} is no project folder; sojourn init makes one"
        found.append(Problem(SETTINGS_FILE, 1, message))
    elif document := read_into(path, folder, found):
        sources.insert(0, from_file(document, found))
    given: dict[str, Given] = {}
    for source in sources:
        given |= checked(source, folder, found)
    return given


def _realm_folder(realm: MergedRealm, notes: list[Problem]) -> RealmFolder:
    return RealmFolder(realm.name, realm.config, MappingProxyType(dict(realm.globals)), tuple(sorted(notes)))
