"""The engine database on PostgreSQL, for any number of machines; its tables are in the schema ``sojourn_engine``."""
