"""The operations of the admin API; importing this package declares them all."""

from sojourn.admin.api import audit, ends, engine, keys, login, sessions, tokens

__all__ = ["audit", "ends", "engine", "keys", "login", "sessions", "tokens"]
