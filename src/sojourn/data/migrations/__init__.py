"""Alembic's migrations of our tables in a database of the application; ``sojourn.data.migrate`` runs them."""
