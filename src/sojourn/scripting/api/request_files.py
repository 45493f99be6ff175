"""``RequestFiles``: what the prelude asks for the contents of the files of a form."""

from __future__ import annotations

from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import BadArgument, HostClass, exposed, static
from sojourn.scripting.exchange import under_way
from sojourn.scripting.forms import Upload


@exposed("RequestFiles", role="internal")
class RequestFiles(HostClass):
    """The files of the form that the request carries, by their place in it."""

    @static("bytes(index: number): ArrayBuffer", ANYONE)
    async def octets(self, index: int) -> bytes:
        """The content, byte for byte."""
        return (await self._file(index)).content

    @static("text(index: number): string", ANYONE)
    async def text(self, index: int) -> str:
        """The content as text, by the `charset` of its type, else UTF-8."""
        return (await self._file(index)).text()

    async def _file(self, index: int) -> Upload:
        files = (await under_way(self.run.exchange).form()).files
        if not 0 <= index < len(files):
            raise BadArgument("there is no such file in this request")
        return files[index]
