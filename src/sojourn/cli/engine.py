"""How a command gets at the engine: it opens the project's stores itself, beside a running engine or without one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from sojourn.bootstrap import Engine
from sojourn.config.project import Project
from sojourn.core.errors import NotFound
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.accounts.grants import RealmUnknown
from sojourn.engine.listing import Found
from sojourn.model.realm import Realm
from sojourn.model.user import Account

R = TypeVar("R")

#: Who acts, in the audit log: the command line has the rights of the host.
ACTOR = "host"


class PipelineUnknown(NotFound):
    """There is no such pipeline."""

    code = "pipeline.unknown"


def with_engine(project: Path | Project, work: Callable[[Engine], Awaitable[R]], *, deploy: bool = True) -> R:
    """Run ``work`` with the engine of ``project``; ``deploy``: with its pipelines and routes, which must be right then."""

    async def run() -> R:
        async with Engine.open(project, recover=False, deploy=deploy) as engine:
            return await work(engine)

    return asyncio.run(run())


def known_realm(engine: Engine, name: str) -> Realm:
    """The realm of that name; raises :class:`RealmUnknown`."""
    realm = engine.rules.realms.get(name)
    if realm is None:
        raise RealmUnknown(f"there is no realm {name!r}")
    return realm


def wanted_realms(engine: Engine, name: str | None) -> list[Realm]:
    """The realm of that name, or all of them."""
    return [known_realm(engine, name)] if name else list(engine.rules.realms.all())


async def found_session(engine: Engine, sid: str) -> Found | None:
    """The session with that public id, alive or ended; those of operators too, because the host may see all."""
    realms = engine.rules.realms
    return await engine.session_manager.find(sid, [*realms.all(), realms.operators])


async def known_account(engine: Engine, directory: str, name: str) -> Account:
    """The account of that name or mail address; raises ``UserUnknown``."""
    account = await engine.rules.users.find(directory, name)
    if account is None:
        raise UserUnknown(f"there is no user {name!r}")
    return account


def shortest_password(engine: Engine, directory: str) -> int:
    """The shortest password that every realm of ``directory`` takes."""
    return engine.rules.passwords.rule(directory).min_length
