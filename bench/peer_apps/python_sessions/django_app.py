"""The counter of P1 with the sessions of Django in its database (SQLite in WAL mode)."""

import os

from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["DATABASE"],
            "CONN_MAX_AGE": None,
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL;"},
        }
    },
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="bench",
)


def ready(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"ready": True})


def fill(request: HttpRequest) -> JsonResponse:
    request.session["note"] = "x" * 500
    request.session["count"] = 0
    return JsonResponse({"filled": True})


def count(request: HttpRequest) -> JsonResponse:
    request.session["count"] = request.session.get("count", 0) + 1
    return JsonResponse({"count": request.session["count"]})


urlpatterns = [path("ready", ready), path("fill", fill), path("count", count)]

app = get_wsgi_application()
call_command("migrate", verbosity=0)
