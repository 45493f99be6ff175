"""The views of a Django site on our session engine."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from django.contrib.auth import aauthenticate, alogin, alogout, authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from sojourn.contrib.django import SessionConflict

#: What the view ``/work`` does with the request; a test sets it.
WORK: dict[str, Callable[[HttpRequest], Any]] = {}
AWORK: dict[str, Callable[[HttpRequest], Awaitable[Any]]] = {}


def work(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse({"value": WORK[name](request)}, status=request.GET.get("status", 200))


async def awork(request: HttpRequest, name: str) -> HttpResponse:
    return JsonResponse({"value": await AWORK[name](request)})


def sign_in(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, **json.loads(request.body))
    if user is None:
        return HttpResponse(status=401)
    login(request, user)
    return HttpResponse(status=204)


async def asign_in(request: HttpRequest) -> HttpResponse:
    user = await aauthenticate(request, **json.loads(request.body))
    if user is None:
        return HttpResponse(status=401)
    await alogin(request, user)
    return HttpResponse(status=204)


def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return HttpResponse(status=204)


async def asign_out(request: HttpRequest) -> HttpResponse:
    await alogout(request)
    return HttpResponse(status=204)


def change_password(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    user.set_password("another one")
    user.save()
    update_session_auth_hash(request, user)
    return HttpResponse(status=204)


@login_required
def who(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"name": request.user.get_username()})


async def awho(request: HttpRequest) -> HttpResponse:
    user = await request.auser()
    return JsonResponse({"name": user.get_username()})


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:
    status = 409 if isinstance(exception, SessionConflict) else 400
    return HttpResponse(type(exception).__name__, status=status)


urlpatterns = [
    path("notes/<name>", work),
    path("awork/<name>", awork),
    path("login", sign_in),
    path("alogin", asign_in),
    path("logout", sign_out),
    path("alogout", asign_out),
    path("password", change_password),
    path("who", who),
    path("awho", awho),
]
handler400 = bad_request
