"""Identity providers: ``providers/<name>.yaml``, one file each."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sojourn.config.addresses import is_loopback
from sojourn.config.binding import bind
from sojourn.config.documents import Document, name_of, read_into
from sojourn.config.problems import Problem, Severity, nearest, shown
from sojourn.config.realms import MergedRealm
from sojourn.core.errors import BadScope
from sojourn.model.provider import PROVIDER_NAME, ProviderConfig, is_own_path, wrong_issuer
from sojourn.model.scope import is_reserved, parse_scope

FOLDER = "providers"


class ProviderFile(NamedTuple):
    """One provider as its file says it."""

    name: str
    config: ProviderConfig
    #: File with the client secret, None where none is named.
    secret: Path | None


class _Read(NamedTuple):
    name: str
    config: ProviderConfig
    document: Document
    project: Path

    def problem(self, key: str, message: str, *, index: int | None = None, severity: Severity = "error") -> Problem:
        path = (key,) if index is None else (key, index)
        return self.document.problem(path, f"{key}: {message}", severity=severity)


def read_providers(
    project: Path, realms: Mapping[str, MergedRealm], problems: list[Problem]
) -> dict[str, ProviderFile]:
    """All providers of a project by name; what is wrong in their files goes to ``problems``."""
    found: dict[str, _Read] = {}
    for path in _files(project, problems):
        document = read_into(path, project, problems)
        config = bind(document, (), ProviderConfig, problems) if document else None
        if document and config:
            found[path.stem] = _Read(path.stem, config, document, project)
    for read in found.values():
        problems += _problems(read, realms)
    problems += _same_issuer(found)
    return {name: ProviderFile(name, read.config, _secret_file(read)) for name, read in found.items()}


def _files(project: Path, problems: list[Problem]) -> Iterator[Path]:
    folder = project / FOLDER
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith("."):
            continue
        if path.suffix != ".yaml" or not path.is_file():
            problems.append(
                Problem(name_of(path, project), 1, "a provider is a file NAME.yaml; nothing else belongs here")
            )
        elif PROVIDER_NAME.fullmatch(path.stem) is None:
            message = f"{shown(path.stem)} is no name for a provider: 1-60 of a-z 0-9 - _, a letter or digit first"
            problems.append(Problem(name_of(path, project), 1, message))
        else:
            yield path


def _problems(read: _Read, realms: Mapping[str, MergedRealm]) -> Iterator[Problem]:
    yield from _issuer(read)
    yield from _realms(read, realms)
    yield from _secret(read)
    yield from _new_users(read)
    yield from _words(read)
    path = read.config.post_logout_path
    if path is not None and not is_own_path(path):
        yield read.problem("postLogoutPath", "expected a path of our own, for example /bye")


def _issuer(read: _Read) -> Iterator[Problem]:
    issuer = read.config.issuer
    if wrong := wrong_issuer(issuer):
        yield read.problem("issuer", wrong)
    elif urlsplit(issuer).scheme == "http" and not is_loopback(urlsplit(issuer).hostname or ""):
        yield read.problem("issuer", "an issuer is an https URL; plain http only on this machine")
    for index, word in enumerate(read.config.allowed_addresses):
        try:
            network = ipaddress.ip_network(word)
        except ValueError:
            yield read.problem("allowedAddresses", f"{shown(word)} is no address or network", index=index)
            continue
        if network.prefixlen == 0:
            yield read.problem("allowedAddresses", f"{word} is every address; name those of the provider", index=index)


def _realms(read: _Read, realms: Mapping[str, MergedRealm]) -> Iterator[Problem]:
    for index, name in enumerate(read.config.realms):
        if name not in realms:
            yield read.problem("realms", f"there is no realm {name!r}{nearest(name, realms)}", index=index)
        elif not realms[name].realm.cookies_authenticate:
            message = (
                f"realm {name!r} has no session cookie: its users come with an ID token, not by the browser's redirect"
            )
            yield read.problem("realms", message, index=index, severity="note")


def _secret(read: _Read) -> Iterator[Problem]:
    path, public = _secret_file(read), read.config.client_authentication == "none"
    if path is None:
        return
    if public:
        yield read.problem("clientSecretFile", "a client without authentication has no secret", severity="warning")
    try:
        mode = path.stat().st_mode
    except OSError as error:
        yield read.problem("clientSecretFile", f"cannot be read: {error.strerror}", severity="warning")
        return
    if mode & 0o077:
        yield read.problem("clientSecretFile", "may be read by others; make its mode 0600", severity="warning")


def _new_users(read: _Read) -> Iterator[Problem]:
    config = read.config
    wanted = {
        "newUserGroups": config.new_user_groups,
        "newUserScopes": config.new_user_scopes,
        "userNameClaim": config.user_name_claim,
    }
    if not config.create_users:
        for key in (key for key, value in wanted.items() if value):
            yield read.problem(key, "has no effect without createUsers: true", severity="warning")
    for index, word in enumerate(config.new_user_scopes):
        try:
            reserved = is_reserved(parse_scope(word))
        except BadScope as error:
            yield read.problem("newUserScopes", error.message, index=index)
            continue
        if reserved:
            yield read.problem(
                "newUserScopes", f"{word} is an administrative scope; an operator grants it", index=index
            )


def _words(read: _Read) -> Iterator[Problem]:
    for key, words in (("scopes", read.config.scopes), ("acrValues", read.config.acr_values)):
        for index, word in enumerate(words):
            if not word.isascii() or not word.isprintable() or " " in word:
                yield read.problem(key, f"{shown(word)} has a blank or a character that is not allowed", index=index)
    for index, domain in enumerate(read.config.email_authority):
        if "." not in domain or "@" in domain or domain != domain.strip().lower() or not domain.isprintable():
            message = f"{shown(domain)} is no domain: write for example corp.example, in lower case, without @"
            yield read.problem("emailAuthority", message, index=index)


def _same_issuer(found: Mapping[str, _Read]) -> Iterator[Problem]:
    """An ID token names its issuer only, so a realm knows each issuer under one name."""
    first: dict[tuple[str, str], str] = {}
    for read in found.values():
        for index, realm in enumerate(read.config.realms):
            known = first.setdefault((read.config.issuer, realm), read.name)
            if known != read.name:
                yield read.problem("realms", f"provider {known!r} has the same issuer for realm {realm!r}", index=index)


def _secret_file(read: _Read) -> Path | None:
    name = read.config.client_secret_file
    return read.project / Path(name).expanduser() if name else None
