"""GLOBAL fields: the Python face, shared bags, and the mappings that frameworks show."""
