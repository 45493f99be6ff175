"""Composition root: the only package that names a concrete backend. It builds an :class:`Engine` from a project."""

from sojourn.bootstrap.backends import open_databases, open_store, readers_secret
from sojourn.bootstrap.engine import Engine
from sojourn.bootstrap.preparing import install, tampered_accounts

__all__ = ["Engine", "install", "open_databases", "open_store", "readers_secret", "tampered_accounts"]
