"""The engine of the HTTP tests, without pipelines, with operators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from sojourn.admin.application import admin_application
from sojourn.bootstrap import Engine
from sojourn.engine.sessions import Begun
from sojourn.http.application import Application
from sojourn.model.session import Device
from sojourn.model.user import account_identity
from tests.http.conftest import PASSWORD, app, clock, engine, folder, made_project
from tests.http.wire_client import Client, Pair

__all__ = ["app", "clock", "engine", "folder", "made_project"]

Hire = Callable[..., Awaitable[Pair]]
Begin = Callable[..., Awaitable[Begun]]


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@pytest.fixture
def admin(engine: Engine, app: Application) -> Client:
    return Client(
        admin_application(engine.rules, app, engine.changes), host="127.0.0.1:8421", server=("127.0.0.1", 8421)
    )


@pytest.fixture
def hire(engine: Engine, admin: Client) -> Hire:
    """Makes an operator and logs in: ``await hire("engine.viewSessions@acme")`` -> the header of the token."""

    async def make(*grants: str, name: str = "") -> Pair:
        name = name or f"op-{len(await engine.rules.users.list())}"
        await engine.rules.users.add("main", name, PASSWORD)
        for grant in grants:
            scope, _, realm = grant.partition("@")
            await engine.rules.grants.grant(name, scope, engine.realm(realm).id if realm else "*")
        answer = await admin.post("/api/v1/login", value={"userName": name, "password": PASSWORD})
        assert answer.status == 200, answer
        return ("authorization", f"Bearer {answer.json()['token']}")

    return make


@pytest.fixture
def begin(engine: Engine) -> Begin:
    """Begins a session of an account: ``await begin("ana", "acme")``."""

    async def make(name: str = "ana", realm: str = "acme", **fields: str) -> Begun:
        account = await engine.rules.users.find("main", name)
        assert account is not None
        identity = account_identity(account, engine.rules.clock.now())
        return await engine.rules.sessions.begin(
            engine.realm(realm), identity, Device(address="192.0.2.7", agent="a browser"), fields=fields
        )

    return make
