"""The engine database: users, groups, scopes, keys, end journal, audit. Off the hot path; see ``schema``."""

from sojourn.engine.database.faults import DatabaseUrl, RowConflict, TextRefused
from sojourn.engine.database.port import Delayed, EngineDatabase, Examined, Generation

__all__ = ["DatabaseUrl", "Delayed", "EngineDatabase", "Examined", "Generation", "RowConflict", "TextRefused"]
