"""Sojourn: a session engine. The public names resolve on first use, so that ``import sojourn`` stays fast."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sojourn.bootstrap import Engine
    from sojourn.core.errors import SojournError
    from sojourn.data.database import Database
    from sojourn.data.dataset import DataSet
    from sojourn.data.port import Bounds, Statement
    from sojourn.data.terms import Deleted, Modified, TableChanges
    from sojourn.engine.live import Session
    from sojourn.model.realm import Realm
    from sojourn.model.token import AuthToken

__version__ = "0.1.0"

__all__ = [
    "AuthToken",
    "Bounds",
    "DataSet",
    "Database",
    "Deleted",
    "Engine",
    "Modified",
    "Realm",
    "Session",
    "SojournError",
    "Statement",
    "TableChanges",
    "__version__",
]

_HOMES = {
    "AuthToken": "sojourn.model.token",
    "Bounds": "sojourn.data.port",
    "DataSet": "sojourn.data.dataset",
    "Database": "sojourn.data.database",
    "Deleted": "sojourn.data.terms",
    "Engine": "sojourn.bootstrap",
    "Modified": "sojourn.data.terms",
    "Realm": "sojourn.model.realm",
    "Session": "sojourn.engine.live",
    "SojournError": "sojourn.core.errors",
    "Statement": "sojourn.data.port",
    "TableChanges": "sojourn.data.terms",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sojourn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
