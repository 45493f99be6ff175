"""``memory://``: sessions for tests and throw-away runs."""

from sojourn.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
