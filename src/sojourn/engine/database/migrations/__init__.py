"""Alembic's migrations of the engine database; ``sojourn.engine.database.migrate`` runs them."""
