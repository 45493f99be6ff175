"""``Startup``: what the prelude asks while ``session.executeStartupScripts`` runs one script after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sojourn.core.errors import BadRequest
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import HostClass, exposed, static
from sojourn.scripting.errors import ScriptUnknown
from sojourn.scripting.run import Run

#: How deep start-up scripts may start start-up scripts.
DEEPEST: Final = 8


class StartupTooDeep(BadRequest):
    """Start-up scripts execute start-up scripts."""

    code = "script.startup_too_deep"


@exposed("Startup", role="internal")
class Startup(HostClass):
    """The start-up scripts of the session's realm."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._callers: list[Sequence[str]] = []

    @static("enter(uri: string): string", ANYONE, also="start-up scripts of the session's realm and of `shared/`")
    async def enter(self, uri: str) -> str:
        """The text of the start-up script ``uri``, which runs from now on, called by the script that ran before.

        Raises ``ScriptUnknown`` for what is none, ``StartupTooDeep``.
        """
        if len(self._callers) >= DEEPEST:
            raise StartupTooDeep
        for place in await self.run.rules.files.startup(self.run.realm):
            source = await self.run.service.sources.at(place, self.run.realm) if place.uri == uri else None
            if source is not None:
                self._callers.append(self.run.scripts)
                self.run.scripts = (uri, *self.run.scripts)
                self.run.runs(source.text)
                return str(source.task.code)
        raise ScriptUnknown

    @static("leave(): void", ANYONE)
    def leave(self) -> None:
        """The start-up script is over; its caller runs again."""
        if self._callers:
            self.run.scripts = self._callers.pop()
