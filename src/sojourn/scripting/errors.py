"""What can become of a script, as errors of our own; which one it was decides what happens to its environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sojourn.core.errors import NotFound, SojournError, Unavailable

#: JavaScript errors whose ``code`` is a status and whose message is for the client.
_HTTP_ERRORS: Final = frozenset(
    {"HttpError", "BadRequest", "Unauthorized", "Forbidden", "NotFound", "NotAcceptable", "ServiceUnavailable"}
)
_LOWEST, _HIGHEST = 400, 599


class ScriptFailed(SojournError):
    """The script has failed."""

    code = "script.failed"

    def __init__(self, name: str, message: str, stack: str = "", *, thrown: object = None) -> None:
        super().__init__(f"{name}: {message}" if message else name)
        #: ``name`` of the JavaScript error, ``Thrown`` for a thrown value that is no error.
        self.name = name
        #: ``message`` of the JavaScript error.
        self.text = message
        #: JavaScript stack with file, line and column, the innermost call first; empty when there is none.
        self.stack = stack
        #: The thrown value's own ``code``, ``details`` … where the error has them: a mapping, else None.
        self.thrown = thrown

    @property
    def http_status(self) -> int | None:
        """The status of the HttpError that the script has thrown; None for any other error."""
        code = self.thrown.get("code") if isinstance(self.thrown, Mapping) else None
        if self.name not in _HTTP_ERRORS or not isinstance(code, int) or isinstance(code, bool):
            return None
        return int(code) if _LOWEST <= code <= _HIGHEST else None


class ScriptTimeout(ScriptFailed):
    """The script took too long."""

    code = "script.timeout"


class ScriptOutOfMemory(ScriptFailed):
    """The script needed more memory than it may have."""

    code = "script.out_of_memory"


class ScriptOutputTooLarge(ScriptFailed):
    """The script gave out more than it may."""

    code = "script.output_too_large"


class EnvironmentLost(Unavailable):
    """The environment of the script is lost; what the session keeps is not. Repeat the request."""

    code = "environment.lost"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The environment of the script is lost ({reason}); what the session keeps is not. Repeat the request."
        )
        #: Why, for the log and the next execution: ``crashed``, ``killed``, ``hung``, ``protocol`` …
        self.reason = reason


class EnvironmentsExhausted(Unavailable):
    """There are as many environments as there may be."""

    code = "environment.ceiling"


class RuntimeMissing(SojournError):
    """The runtime of this realm is not installed."""

    code = "runtime.missing"


class ScriptUnknown(NotFound):
    """There is no such script."""

    code = "script.unknown"


class ModuleUnknown(NotFound):
    """There is no such module."""

    code = "module.unknown"
