"""The checks, one module a subject; importing this package declares them all, in the order in which they run."""

from sojourn.cli.attest.checks import (
    cookies,
    crosssite,
    ends,
    errors,
    handles,
    headers,
    lifetimes,
    origins,
    passwords,
    throttling,
    tokens,
)

__all__ = [
    "cookies",
    "crosssite",
    "ends",
    "errors",
    "handles",
    "headers",
    "lifetimes",
    "origins",
    "passwords",
    "throttling",
    "tokens",
]
