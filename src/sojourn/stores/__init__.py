"""Session stores: the port in :mod:`sojourn.stores.base`, one folder per backend."""
