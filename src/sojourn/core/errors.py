"""The one error tree of Sojourn.

Every error carries a dotted reason ``code`` that never changes once released, the HTTP ``status`` that it
maps to, and its evidence as attributes. The docstring of a class is its default message, so it is written
for the person who reads the answer: no secret, no path, no SQL.
"""

from __future__ import annotations

import inspect
from typing import ClassVar


class SojournError(Exception):
    """The engine could not do what was asked."""

    code: ClassVar[str] = "engine.error"
    status: ClassVar[int] = 500
    #: Names of the attributes that scripts are told too, in JavaScript's spelling: texts and numbers.
    told: ClassVar[tuple[str, ...]] = ()

    def __init__(self, message: str = "") -> None:
        super().__init__(message or inspect.getdoc(type(self)) or self.code)

    @property
    def message(self) -> str:
        """The text shown to the caller."""
        return str(self.args[0])


# --- 400: the request cannot be understood ------------------------------------------------------------------


class BadRequest(SojournError):
    """The request is malformed."""

    code = "request.malformed"
    status = 400


class AmbiguousCredentials(BadRequest):
    """More than one credential was sent; send exactly one."""

    code = "request.ambiguous_credentials"


class InvalidJson(BadRequest):
    """The text is not valid JSON."""

    code = "request.invalid_json"


class BadScope(BadRequest):
    """A word of the scope list is not a valid scope."""

    code = "scope.invalid"


class BadOperand(BadRequest):
    """The operation does not fit the value that the field holds."""

    code = "field.bad_operand"

    def __init__(self, name: str, operation: str) -> None:
        super().__init__(f"field {name!r} holds a value that {operation} cannot work on")
        #: Name of the field.
        self.name = name
        #: The refused operation.
        self.operation = operation


# --- 401: who acts is not known -----------------------------------------------------------------------------


class Unauthorized(SojournError):
    """Unauthorized"""

    code = "auth.required"
    status = 401


class SessionUnknown(Unauthorized):
    """No such session."""

    code = "session.unknown"


class SessionReplaced(Unauthorized):
    """This session handle was replaced a moment ago; repeat with the new one."""

    code = "session.replaced"


class SessionEnded(Unauthorized):
    """Session ended"""

    code = "session.ended"
    told = ("reason", "at", "text")

    def __init__(self, reason: str, at: int = 0, *, by_operator: bool = False, text: str = "") -> None:
        super().__init__()
        #: Why it ended: ``logout``, ``idle``, ``absolute`` …
        self.reason = reason
        #: When, in milliseconds since 1970.
        self.at = at
        #: Whether somebody else than its user ended it; who that was is told to operators only.
        self.by_operator = by_operator
        #: What the operator said to its user, empty for nothing.
        self.text = text


class FreshLoginRequired(Unauthorized):
    """This needs a login of the last minutes; log in again."""

    code = "auth.fresh_login"
    told = ("max_age",)

    def __init__(self, max_age: int) -> None:
        super().__init__()
        #: How old the login may be, in milliseconds; ``max_age`` of the answer [RFC 9470].
        self.max_age = max_age


class TokenRefused(Unauthorized):
    """The token was refused."""

    code = "token.refused"
    told = ("reason",)

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or f"the token was refused: {reason}")
        #: A short stable word: ``form``, ``signature``, ``expired``, ``issuer`` …
        self.reason = reason


class AuthTokenRefused(Unauthorized):
    """The token was refused."""

    code = "authtoken.refused"
    told = ("reason",)

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message)
        #: ``unknown``, ``expired``, ``revoked``, ``script-not-allowed``, ``user-unusable`` or ``provider-unknown``: for
        #: the code that asked. A client is told nothing but that it was refused.
        self.reason = reason


# --- 403: known, but not allowed ----------------------------------------------------------------------------


class Forbidden(SojournError):
    """This is not allowed."""

    code = "auth.forbidden"
    status = 403


class InsufficientScope(Forbidden):
    """insufficient scope"""

    code = "auth.insufficient_scope"


class DelegatedHandle(Forbidden):
    """A delegated handle cannot do this."""

    code = "auth.delegated_handle"


class TransientSession(Forbidden):
    """A token or a password on a request gives identity for that request only: there is no session behind it."""

    code = "session.transient"


class CrossSiteWrite(Forbidden):
    """A request from another site cannot change anything."""

    code = "request.cross_site"


# --- 404, 409, 413 ------------------------------------------------------------------------------------------


class NotFound(SojournError):
    """Not found."""

    code = "request.not_found"
    status = 404


class Conflict(SojournError):
    """The state changed meanwhile."""

    code = "conflict"
    status = 409


class StaleSession(Conflict):
    """The session changed its identity after this handle was opened."""

    code = "session.stale"
    told = ("epoch",)

    def __init__(self, epoch: int) -> None:
        super().__init__()
        #: The epoch that the session has now.
        self.epoch = epoch


class SessionExists(Conflict):
    """A session with this id exists already."""

    code = "session.exists"


class FieldConflict(Conflict):
    """The field has another version than the writer expected."""

    code = "field.conflict"
    told = ("expected", "found")

    def __init__(self, name: str, expected: int, found: int, value: str | None) -> None:
        super().__init__(f"field {name!r} has version {found}, the writer expected {expected}")
        #: Name of the field.
        self.name = name
        #: The version the writer had read; 0 = absent.
        self.expected = expected
        #: The version in the store; 0 = absent.
        self.found = found
        #: JSON text in the store, None when absent.
        self.value = value


class FieldLimit(SojournError):
    """session limit exceeded"""

    code = "field.limit"
    told = ("what", "limit")
    status = 413

    def __init__(self, what: str, name: str, limit: int) -> None:
        super().__init__()
        #: ``name``, ``value``, ``fields`` or ``total``.
        self.what = what
        #: The field that went over the limit.
        self.name = name
        #: The limit: bytes, or a number of fields.
        self.limit = limit


# --- 429: too often -----------------------------------------------------------------------------------------


class TooManyTries(SojournError):
    """Too many tries; wait and try again."""

    code = "auth.too_many_tries"
    told = ("wait",)
    status = 429

    def __init__(self, wait: int) -> None:
        super().__init__()
        #: Milliseconds until the next try is admitted.
        self.wait = wait


# --- 503: not now -------------------------------------------------------------------------------------------


class Unavailable(SojournError):
    """The engine cannot answer now."""

    code = "engine.unavailable"
    status = 503


class StoreUnavailable(Unavailable):
    """The session store cannot be reached; nothing was written."""

    code = "store.unavailable"


class StoreFull(Unavailable):
    """The session store has no room left; nothing was written."""

    code = "store.full"


class StoreReadOnly(Unavailable):
    """The session store takes no writes now; nothing was written."""

    code = "store.read_only"


class StoreBusy(Unavailable):
    """The session store is busy; nothing was written."""

    code = "store.busy"


class StoreCorrupt(Unavailable):
    """The session store holds data that cannot be read."""

    code = "store.corrupt"


class OutcomeUnknown(Unavailable):
    """The connection to the store broke; the change may or may not have been applied."""

    code = "store.outcome_unknown"


class LoginBusy(Unavailable):
    """Too many logins are being checked; try again."""

    code = "login.busy"


# --- 500: the code that serves the request has made a mistake --------------------------------------------------


class ResponseAlreadySent(SojournError):
    """The response has begun; a session cookie can no longer be sent with it."""

    code = "response.already_sent"
    status = 500


# --- the operator's errors ----------------------------------------------------------------------------------


class StoreVersion(SojournError):
    """The store was written by a newer version of the engine."""

    code = "store.version"


class MasterKeyMissing(SojournError):
    """The master key of this project cannot be read."""

    code = "keys.master_missing"
