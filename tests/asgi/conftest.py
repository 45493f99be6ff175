"""The engine of the HTTP tests, without pipelines."""

import pytest

from tests.http.conftest import clock, engine, folder, made_project

__all__ = ["clock", "engine", "folder", "made_project"]


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""
