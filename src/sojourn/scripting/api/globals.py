"""Global functions that the host answers."""

from __future__ import annotations

import uuid

from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import HostClass, exposed, static
from sojourn.scripting.runners import execute_script
from sojourn.scripting.values import Value


@exposed("Globals", role="functions")
class Globals(HostClass):
    """Functions that every script has."""

    @static("createGUID(removeFormatChars?: boolean): string", ANYONE)
    def create_guid(self, remove_format_chars: bool = False) -> str:  # noqa: FBT001, FBT002 - the form of the seed
        """A unique identifier from the operating system's randomness: ``{…}`` in the form of a UUID, in upper case.

        With ``removeFormatChars`` its 32 hexadecimal digits alone.

        Example::

            createGUID(true).length; // => 32
        """
        made = uuid.uuid4()
        return made.hex.upper() if remove_format_chars else f"{{{str(made).upper()}}}"

    @static(
        "executeScript(reference: string | number, ...parameters: Primitive[]): Primitive",
        ANYONE,
        also="what the user of the session may do",
    )
    async def execute_script(self, reference: str | int, *parameters: Value) -> Value:
        """Run another script as this session's user and give its last value; parameters are pairs of name and value.

        It is a ``ScriptRunner`` with ``loginBySession(session)``, the parameters as global variables, ``run()`` and
        ``dispose()``.

        Example::

            executeScript('ufs:/sum.js', 'a', 2, 'b', 3); // => 5
        """
        return await execute_script(self.run, reference, parameters)
