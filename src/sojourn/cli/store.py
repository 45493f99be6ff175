"""``sojourn store``: what the configured stores really promise, and bringing their schemas up to date."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import typer

from sojourn.bootstrap import open_databases, open_store, tampered_accounts
from sojourn.cli.output import HERE, JsonOption, ProjectOption, refusals, reply
from sojourn.config.addresses import parse_store_url
from sojourn.config.project import load_project
from sojourn.config.settings import MAIN_DATABASE, Settings
from sojourn.core.clock import StoreClock, SystemClock
from sojourn.core.errors import MasterKeyMissing, SojournError
from sojourn.engine.database import EngineDatabase, Examined
from sojourn.engine.watch.storetime import MOST_ERROR, StoreTime
from sojourn.stores.base import Contract, Described, Finding, Lifecycle, SessionStore, Timed

app = typer.Typer(help="The stores: check what they promise, migrate their schemas.", no_args_is_help=True)


class Report(NamedTuple):
    """What was found of one store."""

    store: str
    contract: Contract | None
    findings: Sequence[Finding]


@app.command()
@refusals
def check(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Probe the configured stores and say what they promise; exit code 1 when anything has to be mended."""
    settings = load_project(project, os.environ).settings
    reports = asyncio.run(_check(settings))
    failed = any(finding.level == "failure" for report in reports for finding in report.findings)
    document = {"ok": not failed, "stores": {report.store: _document(report) for report in reports}}
    reply(as_json, document, "\n\n".join(map(_text, reports)))
    if failed:
        raise typer.Exit(1)


@app.command()
@refusals
def migrate(project: ProjectOption = HERE, as_json: JsonOption = False) -> None:
    """Bring the schemas of all stores and databases up to this version; does nothing when they are."""
    settings = load_project(project, os.environ).settings
    done = asyncio.run(_migrate(settings))
    reply(as_json, done, "\n".join(f"{store}: schema {version}" for store, version in done.items()))


async def _check(settings: Settings) -> Sequence[Report]:
    return [
        await _report("session", lambda: _check_session(settings)),
        await _report("engine", lambda: _check_engine(settings)),
        *[await _report(_label(name), partial(_check_database, settings, name)) for name in settings.database_urls],
    ]


async def _report(store: str, look: Callable[[], Awaitable[Report]]) -> Report:
    try:
        return await look()
    except SojournError as error:
        return Report(store, None, [Finding("failure", "opening", error.message)])


async def _check_session(settings: Settings) -> Report:
    place = settings.session_store
    if place.path is not None and not place.path.exists():
        return Report("session", None, [Finding("warning", "opening", "it is made when the engine is served")])
    store = await open_store(settings.stores.session, settings.project)
    try:
        if not isinstance(store, Described):
            return Report("session", None, await _clock(store))
        findings = await store.check()
        return Report("session", store.contract(), [*findings, *await _clock(store)])
    finally:
        if isinstance(store, Lifecycle):
            await store.close()


async def _clock(store: SessionStore) -> Sequence[Finding]:
    if not isinstance(store, Timed):
        return []
    clock = StoreClock(SystemClock())
    measured = StoreTime(store, clock)
    await measured.measure()
    text = f"the store's clock is {measured.offset} ms ahead of this machine's (± {measured.error} ms)"
    if measured.error > MOST_ERROR:
        return [Finding("failure", "clock", f"{text}: the engine does not serve with such an error")]
    if abs(measured.offset) > MOST_ERROR:
        return [Finding("warning", "clock", f"{text}: the engine goes by the store's; set the clocks right")]
    return [Finding("ok", "clock", text)]


async def _check_engine(settings: Settings) -> Report:
    path = settings.engine_store.path
    if path is not None and not path.exists():
        return Report("engine", None, [Finding("failure", "opening", "there is none yet: sojourn init makes it")])
    database = await EngineDatabase.open(settings.stores.engine, settings.project)
    try:
        if not isinstance(database, Examined):
            return Report("engine", None, [])
        contract, findings = await database.contract(), await database.findings()
    finally:
        await database.close()
    return Report("engine", contract, [*findings, await _accounts(settings)])


def _label(database: str) -> str:
    """The setting that names a database of the application."""
    return "application" if database == MAIN_DATABASE else f"databases.{database}"


async def _check_database(settings: Settings, name: str) -> Report:
    label = _label(name)
    path = parse_store_url("application", settings.database_urls[name], settings.project).path
    if path is not None and not path.exists():
        return Report(label, None, [Finding("ok", "opening", "it is made when it is first used")])
    databases = open_databases(settings)
    try:
        backend = await databases.named(name)
        if not isinstance(backend, Examined):
            return Report(label, None, [])
        return Report(label, await backend.contract(), await backend.findings())
    finally:
        await databases.close()


async def _accounts(settings: Settings) -> Finding:
    try:
        wrong = await tampered_accounts(settings)
    except MasterKeyMissing as error:
        return Finding("failure", "accounts", error.message)
    if not wrong:
        return Finding("ok", "accounts", "each record as the engine wrote it")
    text = f"changed from outside, nobody can log in as {', '.join(wrong)}: sojourn users show, then users sign"
    return Finding("failure", "accounts", text)


async def _migrate(settings: Settings) -> Mapping[str, str]:
    """Whoever opens a store brings its schema up to date."""
    store = await open_store(settings.stores.session, settings.project)
    session = store.contract() if isinstance(store, Described) else None
    if isinstance(store, Lifecycle):
        await store.close()
    database = await EngineDatabase.open(settings.stores.engine, settings.project)
    engine = await database.contract() if isinstance(database, Examined) else None
    await database.close()
    return {"session": _schema(session), "engine": _schema(engine), **await _migrate_databases(settings)}


async def _migrate_databases(settings: Settings) -> Mapping[str, str]:
    databases = open_databases(settings)
    try:
        done = {}
        for name in databases.names:
            backend = await databases.named(name)
            done[_label(name)] = _schema(await backend.contract() if isinstance(backend, Examined) else None)
        return done
    finally:
        await databases.close()


def _schema(contract: Contract | None) -> str:
    return contract.facts.get("schema", "none to migrate") if contract else "none to migrate"


def _document(report: Report) -> dict[str, Any]:
    contract = report.contract
    return {
        "name": contract.name if contract else None,
        "durability": contract.durability if contract else None,
        "facts": dict(contract.facts) if contract else {},
        "findings": [finding._asdict() for finding in report.findings],
    }


def _text(report: Report) -> str:
    contract = report.contract
    head = f"{report.store} store: {contract.name}, {contract.durability}" if contract else f"{report.store} store"
    facts = [f"  {name}: {value}" for name, value in contract.facts.items()] if contract else []
    found = [f"  {finding.level:<8}{finding.what}: {finding.text}" for finding in report.findings]
    return "\n".join([head, *facts, *found])
