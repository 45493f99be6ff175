"""The components of the engine, one file each. Importing this package declares them all."""

from sojourn.pipelines.component import REGISTRY
from sojourn.pipelines.components import (
    assertion,
    block_execution,
    choice,
    json_generator,
    jwt,
    log,
    login,
    script,
    session_management,
    throw_error,
)

__all__ = [
    "REGISTRY",
    "assertion",
    "block_execution",
    "choice",
    "json_generator",
    "jwt",
    "log",
    "login",
    "script",
    "session_management",
    "throw_error",
]
