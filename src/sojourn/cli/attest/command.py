"""The command ``sojourn attest``."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from sojourn.bootstrap import Engine
from sojourn.cli.attest.findings import Finding
from sojourn.cli.attest.report import examine
from sojourn.cli.attest.scene import Scene, Told
from sojourn.cli.attest.visitor import NoOrigin, Visitor, origin, visiting
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply
from sojourn.config.addresses import is_loopback
from sojourn.config.project import load_project
from sojourn.core.errors import SojournError
from sojourn.engine.security.actors import HOST
from sojourn.http.attesting import described

_WIDTHS = {"pass": "pass", "fail": "FAIL", "not applicable": "n/a "}


class NotAdmitted(SojournError):
    """The engine makes no run for this token."""

    code = "attest.refused"


class NoToken(SojournError):
    """A token is needed: --realm R --token-stdin. Without one the project's own engine is attested, on loopback only."""

    code = "attest.no_token"


@refusals
def attest(
    url: Annotated[str, typer.Argument(metavar="URL", help="Origin of the application listener.")],
    realm: Annotated[
        str | None, typer.Option("--realm", metavar="R", help="Realm of the token, whose scope holds engine.attest.")
    ] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the token from standard input.")] = False,
    project: ProjectOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Examine a running engine over HTTP, requirement by requirement; exit code 1 when any fails.

    The engine makes realms for it that nobody else sees, and removes them afterwards, at the latest after ten minutes.
    """
    if token_stdin != (realm is not None):
        raise typer.BadParameter("--realm and --token-stdin go together")
    where = origin(url)
    token = sys.stdin.readline().strip() if token_stdin else ""
    if realm is None:
        _check_own(where, project)
    found = asyncio.run(_attest(where, realm or "", token, project))
    reply(as_json, _document(where, found), _text(where, found))
    if any(finding.outcome == "fail" for finding in found):
        raise typer.Exit(1)


async def _attest(where: str, realm: str, token: str, project: Path) -> Sequence[Finding]:
    async with visiting(where) as visitor:
        told = await asked(visitor, realm, token) if token else await _made(project)
        return await attested(visitor, told)


async def attested(visitor: Visitor, told: Told) -> Sequence[Finding]:
    """Examine what ``visitor`` asks, and end the run whatever happens."""
    scene = Scene(visitor, told)
    found: Sequence[Finding] = ()
    try:
        found = await examine(scene)
    finally:
        await scene.ask("POST", "attest/end", value=_counts(found))
    return found


async def asked(visitor: Visitor, realm: str, token: str) -> Told:
    """A run that the engine makes for a token."""
    visitor.hide(token)
    seen = await visitor.ask("POST", f"/realms/{realm}/attest", ("authorization", f"Bearer {token}"), value={})
    if seen.status != 200:  # noqa: PLR2004 - the HTTP status is its own name
        hint = "; is [attest] enabled?" if seen.status == 404 else ""  # noqa: PLR2004
        raise NotAdmitted(f"no run was made: {seen.status} {seen.member('message')}{hint}")
    return Told.read(seen.json())


async def _made(project: Path) -> Told:
    """A run that the host makes in the engine database of the project; a running engine knows it at once."""
    async with Engine.open(project, recover=False) as engine:
        return Told.read(described(await engine.rules.attest.start(HOST)))


def _check_own(where: str, project: Path) -> None:
    """Who has the project's folder needs no token for the project's own engine on this machine."""
    settings = load_project(project, os.environ).settings
    host = urlsplit(where).hostname or ""
    if not is_loopback(host) and where != settings.server.public_url:
        raise NoToken
    if not host:
        raise NoOrigin


def _counts(found: Sequence[Finding]) -> dict[str, int]:
    outcomes = [finding.outcome for finding in found]
    names = {"passed": "pass", "failed": "fail", "notApplicable": "not applicable"}
    return {name: sum(outcome == wanted for outcome in outcomes) for name, wanted in names.items()}


def _document(where: str, found: Sequence[Finding]) -> dict[str, Any]:
    return {"url": where, **_counts(found), "findings": [finding._asdict() for finding in found]}


def _text(where: str, found: Sequence[Finding]) -> str:
    counts = _counts(found)
    lines = [
        f"{finding.id:<7} {_WIDTHS[finding.outcome]}  {finding.requirement}\n              {finding.evidence}"
        for finding in found
    ]
    summed = f"{counts['passed']} passed, {counts['failed']} failed, {counts['notApplicable']} not applicable"
    return "\n".join([*lines, "", f"{where}: {summed} (requirement ids of OWASP ASVS 5.0)"])
