"""The components of the engine, one file each. Importing this package declares them all."""

from sojourn.pipelines.component import REGISTRY
from sojourn.pipelines.components import (
    assertion,
    block_execution,
    choice,
    db,
    json_generator,
    jwt,
    log,
    login,
    object_store,
    script,
    session_management,
    throw_error,
)

__all__ = [
    "REGISTRY",
    "assertion",
    "block_execution",
    "choice",
    "db",
    "json_generator",
    "jwt",
    "log",
    "login",
    "object_store",
    "script",
    "session_management",
    "throw_error",
]
