"""The database of scripts, pipelines and Python: tables of the application, its keys, its change log, undo."""
