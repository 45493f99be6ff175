"""``Modules``: what the bridge's ``require`` asks for the text of a project's module."""

from __future__ import annotations

from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import HostClass, exposed, static
from sojourn.scripting.modules import Modules as Found
from sojourn.scripting.values import Value


@exposed("Modules", role="internal")
class Modules(HostClass):
    """Modules of the project, for ``require``."""

    @static("load(name: string, from: string): object", ANYONE, also="files of the session's realm and of `shared/`")
    async def load(self, name: str, base: str = "") -> Value:
        """The text of the module ``name`` as the file ``from`` means it, by default the running script.

        Answers ``{uri, kind, source}``; ``kind`` is ``"js"`` or ``"json"``. Raises ``ModuleUnknown``.
        """
        scripts = self.run.scripts
        found = await Found(self.run.service.sources).load(
            name, base or (scripts[0] if scripts else ""), self.run.realm
        )
        self.run.runs(found.text)
        if found.uri in scripts:
            # The file may have changed since the request was let in.
            await self.run.check_scripts()
        return {"uri": found.uri, "kind": found.kind, "source": found.source}
