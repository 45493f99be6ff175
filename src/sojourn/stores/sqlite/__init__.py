"""``sqlite:///``: the default store. One file, durable to the last acknowledged write, shared by processes."""

from sojourn.stores.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
