"""``valkey://`` and ``redis://``: sessions on a Valkey or Redis server, or on a cluster of them."""

from sojourn.stores.valkey.store import ValkeyStore

__all__ = ["ValkeyStore"]
