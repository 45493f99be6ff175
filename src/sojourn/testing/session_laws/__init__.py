"""The laws of session stores, by subject; :mod:`sojourn.testing.stores` puts them together."""
