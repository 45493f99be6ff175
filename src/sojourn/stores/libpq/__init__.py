"""The way to a PostgreSQL server: what the session store and the engine database both need of one, and no tables."""
