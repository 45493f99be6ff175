"""The operations of the admin API; importing this package declares them all."""

from sojourn.admin.api import ends, engine, login, sessions

__all__ = ["ends", "engine", "login", "sessions"]
