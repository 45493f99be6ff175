"""Settings of a Django site on our session engine, with Django's own middleware and authentication."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import django
from django.conf import settings

DATABASE = Path(tempfile.gettempdir()) / f"sojourn-tests-django-{os.getpid()}.sqlite3"

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["testserver", "127.0.0.1"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE, "OPTIONS": {"timeout": 20}}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        LOGIN_URL="/login",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        MESSAGE_STORAGE="django.contrib.messages.storage.session.SessionStorage",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF="tests.contrib.django_site",
        SECRET_KEY="tests",
        SESSION_ENGINE="sojourn.contrib.django",
        SOJOURN_REALM="main",
        USE_TZ=True,
    )
    django.setup()
