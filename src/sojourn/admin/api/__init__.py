"""The operations of the admin API; importing this package declares them all."""

from sojourn.admin.api import (
    audit,
    ends,
    engine,
    files,
    groups,
    keys,
    login,
    passwords,
    providers,
    scopes,
    sessions,
    tokens,
    users,
)

__all__ = [
    "audit",
    "ends",
    "engine",
    "files",
    "groups",
    "keys",
    "login",
    "passwords",
    "providers",
    "scopes",
    "sessions",
    "tokens",
    "users",
]
