"""The laws of Sojourn's ports, for its own backends and for those of others.

Subclass :class:`sojourn.testing.stores.SessionStoreLaws` with a fixture ``store``, or run the laws on a store without
writing a file: ``pytest --pyargs sojourn.testing.suite --sojourn-store=my.module:open_store``.
"""
