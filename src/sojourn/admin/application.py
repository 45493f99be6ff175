"""The admin listener as a Starlette application: off the hot path, on an origin of its own."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sojourn.admin.authority import Authority
from sojourn.admin.endpoint import Endpoint
from sojourn.admin.guard import Guard
from sojourn.admin.metrics import EngineCollector, Measured
from sojourn.admin.openapi import openapi
from sojourn.admin.operation import OPERATIONS, PREFIX, Plane
from sojourn.core.ids import new_execution_key
from sojourn.core.json import encode
from sojourn.data.changes import Changes
from sojourn.engine.manager import SessionManager
from sojourn.engine.rules import Rules
from sojourn.engine.security.operators import Operators
from sojourn.http.application import Application
from sojourn.http.origin import Origins
from sojourn.http.replies import RETRY_AFTER

#: Where the description of the admin API lies.
OPENAPI = "/api/openapi.json"

_CODES = {404: "request.not_found", 405: "request.method_not_allowed"}


def admin_application(rules: Rules, application: Application, changes: Changes) -> Starlette:
    """The admin listener beside ``application``, whose health and counters it shows; ``changes`` are the engine's."""
    settings = rules.settings
    origins = Origins(settings.admin.public_url, settings.server.trusted_proxies)
    manager = SessionManager(rules)
    operators = Operators(realms=rules.realms, facts=rules.facts, logins=rules.logins)
    pages = _Pages(rules, application, changes, manager)
    app = Starlette(
        routes=[
            Route("/health/live", pages.live),
            Route("/health/ready", pages.ready),
            Route("/metrics", pages.metrics),
            Route(OPENAPI, pages.openapi),
            *_api(Plane(rules, manager, operators, origins, changes)),
        ],
        middleware=[Middleware(Guard, origins=origins, audit=rules.audit)],
        exception_handlers={HTTPException: _refused},
    )
    # A path is right or it is not found; nobody is sent elsewhere.
    app.router.redirect_slashes = False
    return app


def _api(plane: Plane) -> Iterator[Route]:
    authority = Authority(plane.rules, plane.operators)
    for path in dict.fromkeys(operation.path for operation in OPERATIONS):
        operations = [operation for operation in OPERATIONS if operation.path == path]
        yield Route(PREFIX + path, Endpoint(operations, plane, authority))


@functools.cache
def _document() -> bytes:
    """The OpenAPI document, the same for every engine; describing all types takes tens of milliseconds."""
    return encode(openapi())


class _Pages:
    def __init__(self, rules: Rules, application: Application, changes: Changes, manager: SessionManager) -> None:
        self._rules = rules
        self._changes = changes
        self._application = application
        self._manager = manager
        self._health = application.health
        self._openapi = _document()

    async def live(self, _request: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(self, _request: Request) -> Response:
        """Up or not, with the causes, and what is amiss although the engine serves."""
        causes = dict(await self._health.causes())
        amiss = [*self._health.amiss(), *self._changes.sealer.broken.values()]
        body = {"status": "down" if causes else "up", "causes": causes, "project": amiss}
        if causes:
            return JSONResponse(body, 503, {"retry-after": str(RETRY_AFTER)})
        return JSONResponse(body)

    async def metrics(self, _request: Request) -> Response:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(
            EngineCollector(self._rules, self._application, self._changes, await Measured.now(self._manager))
        )
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def openapi(self, _request: Request) -> Response:
        return Response(self._openapi, media_type="application/json")


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "request.refused")
    body = {"message": error.detail, "code": code, "executionKey": new_execution_key()}
    return JSONResponse(body, error.status_code, error.headers)
