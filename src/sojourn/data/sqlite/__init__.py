"""A database of the application in a file of SQLite."""
