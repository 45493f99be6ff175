"""The operations of the admin API; importing this package declares them all."""

from sojourn.admin.api import (
    audit,
    changes,
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
    undo,
    users,
)

__all__ = [
    "audit",
    "changes",
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
    "undo",
    "users",
]
