"""Sojourn: a session engine. The public names resolve on first use, so that ``import sojourn`` stays fast."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sojourn.bootstrap import Engine
    from sojourn.core.errors import SojournError
    from sojourn.engine.live import Session
    from sojourn.model.realm import Realm
    from sojourn.model.token import AuthToken

__version__ = "0.1.0"

__all__ = ["AuthToken", "Engine", "Realm", "Session", "SojournError", "__version__"]

_HOMES = {
    "AuthToken": "sojourn.model.token",
    "Engine": "sojourn.bootstrap",
    "Realm": "sojourn.model.realm",
    "Session": "sojourn.engine.live",
    "SojournError": "sojourn.core.errors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sojourn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
