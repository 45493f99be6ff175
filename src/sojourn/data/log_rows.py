"""What a session does to the change log itself: rows of its own, and the mark of fresh ones."""

from __future__ import annotations

from abc import ABC, abstractmethod

from sojourn.data.notes import Note, freshen, insert_note
from sojourn.data.port import Backend, Guard, Key
from sojourn.data.terms import Author
from sojourn.engine.rules import Rules


class LogRows(ABC):
    """The part of :class:`~sojourn.data.database.Database` that is about its log."""

    _rules: Rules

    @property
    @abstractmethod
    def _author(self) -> Author:
        """Who acts."""

    @abstractmethod
    async def _ready(self, *, writes: bool = False) -> Backend:
        """The database, for who may use it now."""

    @abstractmethod
    def _guard(self) -> Guard:
        """What is asked before a commit: whether who acts now may still do so then."""

    async def insert_log(
        self,
        kind: str,
        *,
        content: str = "",
        key: Key | None = None,
        class_key: int | None = None,
        version: int | None = None,
        tag: str | None = None,
    ) -> int:
        """Write a row of one's own into the change log; its number there.

        Who, when and from where is filled in by the engine. ``key`` and ``class_key`` say which record it is about;
        ``version`` is one that was given before, by default a new one; ``tag`` is by default that of this connection.
        Raises ``BadNote`` for a type that only the engine writes and for what is too long, and as ``apply_updates``.
        """
        note = Note(kind=kind, content=content, key=key, class_key=class_key, version=version, tag=tag)
        guard, backend = self._guard(), await self._ready(writes=True)
        author, now = self._author, self._rules.clock.now()
        return await backend.write(lambda connection: insert_note(connection, author, note, now), guard)

    async def update_logs(self, *, version: int | None = None, tag: str | None = None, fresh: bool) -> int:
        """Set the mark ``iFreshTrack`` of the rows of the log with that version and that tag; how many there are.

        It is all that ever changes in a row; one without a tag has none. Raises ``WhichChanges`` when neither is given.
        """
        guard, backend = self._guard(), await self._ready(writes=True)
        return await backend.write(lambda connection: freshen(connection, version=version, tag=tag, fresh=fresh), guard)
