"""Global functions that the host answers."""

from __future__ import annotations

import uuid

from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import HostClass, exposed, static


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
