"""Calls pipelines as the gateway does, without HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sojourn.bootstrap import Engine
from sojourn.core import json
from sojourn.core.json import Json
from sojourn.engine.access import Access
from sojourn.engine.keys.apikeys import ApiKey
from sojourn.model.session import Device
from sojourn.pipelines.deployment import Deployment
from sojourn.pipelines.model import Plan
from sojourn.pipelines.request import PipelineRequest
from sojourn.pipelines.runner import Runner

PASSWORD = "seven quiet lanterns drift"


class Answer(NamedTuple):
    """A reply, read."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.decode(self.body)

    @property
    def token(self) -> str:
        return self.headers["Authorization"].removeprefix("Bearer ")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The session store takes no writes meanwhile: another process holds its lock."""
    other = sqlite3.connect(folder / "var" / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


class Gate:
    """An engine with the pipelines of one test."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.rules = engine.rules
        self._runner = Runner(engine.rules, engine.scripts, engine.databases)
        self._deployment = Deployment(())

    def deploy(self, *plans: Plan) -> None:
        self._deployment = Deployment(plans)

    async def access(self, token: str, realm: str = "acme") -> Access:
        """What the gateway finds for a bearer."""
        place = self.engine.realm(realm)
        return await self.rules.sessions.open_token(place, await self.rules.tokens.verify(place, token))

    async def call(
        self,
        path: str,
        body: Json = None,
        *,
        token: str = "",
        realm: str = "acme",
        major: int = 1,
        api_key: ApiKey | None = None,
        access: Access | None = None,
        query: dict[str, str] | None = None,
        raw: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        match = self._deployment.match(realm, major, path)
        assert match is not None
        request = PipelineRequest(
            method="POST",
            path=f"/pipeline/{realm}/v{major}/{path}",
            path_params=match.path_params,
            query=query or {},
            headers={"x-note": "1"},
            content_type=content_type,
            body=json.encode(body) if raw is None and body is not None else raw or b"",
            execution_key="the-key",
        )
        opened = access or (await self.access(token, realm) if token else None)
        reply = await self._runner.run(match.plan, request, self.engine.realm(realm), opened, api_key, Device())
        return Answer(reply.status, dict(reply.headers), reply.body)

    async def fields(self, token: str) -> dict[str, Json]:
        """The GLOBAL values of the session of ``token``."""
        access = await self.access(token)
        return {name: json.decode(field.text) for name, field in access.fields.items()}
