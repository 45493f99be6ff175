"""The middleware inside and around real frameworks: what they do with sessions, errors and answers of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import litestar
import pytest
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from sojourn.asgi import SessionMiddleware
from sojourn.bootstrap import Engine
from tests.contrib import django_settings, django_site
from tests.contrib.django_site import urlpatterns
from tests.http.wire_client import Client

__all__ = ["django_settings", "django_site"]

pytestmark = pytest.mark.anyio

Build = Callable[[Engine], Any]

#: Two requests of a test meet here, so that both have read before either writes.
MEETING: dict[str, asyncio.Barrier] = {}


async def count(session: Any) -> int:
    """What every application here does: a change that conflicts when two do it at once."""
    await session.load()
    session["n"] = session.get("n", 0) + 1
    if "both" in MEETING:
        await MEETING["both"].wait()
    return int(session["n"])


async def starlette_view(request: Request) -> Response:
    assert request.session is request.state.session
    number = await count(request.state.session)
    return JSONResponse({"n": number})


class Passing(BaseHTTPMiddleware):
    """A middleware of the kind that runs the application in a task of its own."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        answer = await call_next(request)
        answer.headers["x-passed"] = "1"
        return answer


def starlette_inside(engine: Engine) -> Any:
    middleware = [Middleware(SessionMiddleware, engine=engine, realm="web"), Middleware(Passing)]
    return Starlette(routes=[Route("/n", starlette_view, methods=["POST"])], middleware=middleware)


def starlette_around(engine: Engine) -> Any:
    inner = Starlette(routes=[Route("/n", starlette_view, methods=["POST"])], middleware=[Middleware(Passing)])
    return SessionMiddleware(Starlette(routes=[Mount("/", inner)]), engine=engine, realm="web")


def fastapi_inside(engine: Engine) -> Any:
    app = FastAPI()
    app.add_middleware(SessionMiddleware, engine=engine, realm="web")

    @app.post("/n")
    async def view(request: Request) -> dict[str, int]:
        return {"n": await count(request.state.session)}

    return app


@litestar.post("/n", status_code=200)
async def litestar_view(request: litestar.Request[Any, Any, Any]) -> dict[str, int]:
    assert request.session is request.scope["session"]
    return {"n": await count(request.scope["session"])}


def litestar_around(engine: Engine) -> Any:
    return SessionMiddleware(litestar.Litestar([litestar_view], logging_config=None), engine=engine, realm="web")


async def django_view(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"n": await count(request.scope["session"])})  # type: ignore[attr-defined]


def django_around(engine: Engine) -> Any:
    if not any(getattr(known, "name", "") == "asgi-n" for known in urlpatterns):
        django_view.csrf_exempt = True  # type: ignore[attr-defined]
        urlpatterns.append(path("n", django_view, name="asgi-n"))
    return SessionMiddleware(get_asgi_application(), engine=engine, realm="web")


def browser(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://127.0.0.1:8000",
        headers={"sec-fetch-site": "same-origin"},
    )


@pytest.fixture(autouse=True)
def clean() -> None:
    MEETING.clear()


@pytest.fixture(params=[starlette_inside, starlette_around, fastapi_inside, litestar_around, django_around])
def app(request: pytest.FixtureRequest, engine: Engine) -> Any:
    return request.param(engine)


async def test_the_session_is_found_again_by_the_next_request(app: Any) -> None:
    async with browser(app) as client:
        for number in (1, 2, 3):
            answer = await client.post("/n")
            assert (answer.status_code, answer.json()) == (200, {"n": number})
        assert list(client.cookies) == ["sojourn_sid.web"]


async def test_the_slower_of_two_is_answered_409_and_nothing_of_its_own_answer_goes_out(app: Any) -> None:
    async with browser(app) as client:
        await client.post("/n")
        MEETING["both"] = asyncio.Barrier(2)
        answers = await asyncio.gather(client.post("/n"), client.post("/n"))
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert (won.status_code, won.json()) == (200, {"n": 2})
        assert (lost.status_code, lost.json()["code"]) == (409, "session.conflict")
        MEETING.clear()
        assert (await client.post("/n")).json() == {"n": 3}


async def test_a_session_that_ended_is_told_by_401(app: Any, engine: Engine) -> None:
    async with browser(app) as client:
        await client.post("/n")
        (session,) = await engine.rules.sessions.list(engine.realm("web"))
        await engine.rules.sessions.end_by_id(engine.realm("web"), session.id, "dropped", actor="root")
        answer = await client.post("/n")
        assert (answer.status_code, answer.json()["reason"]) == (401, "dropped")


async def test_a_server_may_give_its_address_as_a_list(engine: Engine) -> None:
    class Listing(Client):
        def __init__(self, app: Any) -> None:
            super().__init__(app)
            self._socket = {name: list(known) if name != "scheme" else known for name, known in self._socket.items()}

    answer = await Listing(fastapi_inside(engine)).post("/n", ("sec-fetch-site", "same-origin"))
    assert (answer.status, answer.json()) == (200, {"n": 1})
