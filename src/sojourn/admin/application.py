"""The admin listener as a Starlette application: off the hot path, on an origin of its own."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sojourn.admin.guard import Guard
from sojourn.admin.metrics import EngineCollector
from sojourn.core.ids import new_execution_key
from sojourn.engine.rules import Rules
from sojourn.http.application import Application
from sojourn.http.replies import RETRY_AFTER

_CODES = {404: "request.not_found", 405: "request.method_not_allowed"}


def admin_application(rules: Rules, application: Application) -> Starlette:
    """The admin listener beside ``application``, whose health and counters it shows."""
    pages = _Pages(rules, application)
    return Starlette(
        routes=[
            Route("/health/live", pages.live),
            Route("/health/ready", pages.ready),
            Route("/metrics", pages.metrics),
        ],
        middleware=[Middleware(Guard, public_url=rules.settings.admin.listen)],
        exception_handlers={HTTPException: _refused},
    )


class _Pages:
    def __init__(self, rules: Rules, application: Application) -> None:
        self._health = application.health
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(EngineCollector(rules, application))

    async def live(self, _request: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(self, _request: Request) -> Response:
        """Up or not, with the causes, and what is amiss although the engine serves."""
        causes = dict(await self._health.causes())
        body = {"status": "down" if causes else "up", "causes": causes, "project": list(self._health.stale)}
        if causes:
            return JSONResponse(body, 503, {"retry-after": str(RETRY_AFTER)})
        return JSONResponse(body)

    async def metrics(self, _request: Request) -> Response:
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "request.refused")
    body = {"message": error.detail, "code": code, "executionKey": new_execution_key()}
    return JSONResponse(body, error.status_code, error.headers)
