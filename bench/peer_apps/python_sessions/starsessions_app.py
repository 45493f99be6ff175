"""The counter of P1 with starsessions on Redis, as its README shows it."""

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starsessions import SessionAutoloadMiddleware, SessionMiddleware
from starsessions.stores.redis import RedisStore


async def ready(request: Request) -> JSONResponse:
    return JSONResponse({"ready": True})


async def fill(request: Request) -> JSONResponse:
    request.session["note"] = "x" * 500
    request.session["count"] = 0
    return JSONResponse({"filled": True})


async def count(request: Request) -> JSONResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return JSONResponse({"count": request.session["count"]})


app = Starlette(
    routes=[Route("/ready", ready), Route("/fill", fill, methods=["POST"]), Route("/count", count)],
    middleware=[
        Middleware(
            SessionMiddleware, store=RedisStore(os.environ["REDIS_URL"]), lifetime=86_400, cookie_https_only=False
        ),
        Middleware(SessionAutoloadMiddleware),
    ],
)
