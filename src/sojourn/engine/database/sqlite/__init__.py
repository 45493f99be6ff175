"""The engine database in a file: SQLite, for the processes of one machine."""
