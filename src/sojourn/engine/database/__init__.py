"""The engine database: users, groups, scopes, keys, end journal, audit. Off the hot path; see ``schema``."""

from sojourn.engine.database.database import EngineDatabase, Generation
from sojourn.engine.database.faults import DatabaseUrl, RowConflict

__all__ = ["DatabaseUrl", "EngineDatabase", "Generation", "RowConflict"]
