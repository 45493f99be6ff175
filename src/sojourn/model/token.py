"""AuthToken: a login that is handed on, with a scope, a life and a purpose of its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from sojourn.core.clock import DAY, SystemClock
from sojourn.core.errors import BadRequest
from sojourn.model.scope import parse_scopes
from sojourn.model.session import ANONYMOUS_KEY

#: How long an AuthToken lives when nothing else is said, in milliseconds.
DEFAULT_LIFE: Final = 30 * DAY

#: ``expires`` of a token for which nothing else is said.
_USUAL: Final = -1

#: Characters of ``data`` and of ``description``.
MAX_DATA: Final = 4_096
MAX_DESCRIPTION: Final = 200

#: What a scope may be given as: words in one text, a script's URI, a script's key, or a list of these.
ScopeArgument = str | int | Iterable[str | int]


class ScriptText(NamedTuple):
    """The text of a script as an environment runs it, whatever its file holds by now."""

    #: The script's URI, in its one spelling.
    uri: str
    #: SHA-256 of the file as it was when it was read.
    digest: bytes
    #: Key of its record, 0 for a file on disk.
    key: int = 0


#: The running script and its callers. Of a script that is only named, the file as it is now counts.
ScriptChain = Sequence[str | ScriptText]


class BadToken(BadRequest):
    """A property of the AuthToken is out of its bounds."""

    code = "authtoken.invalid"


class AuthToken:
    """A login to be handed on: make it, let a session authorize it, and give the text that comes back to who needs it.

    ``AuthToken("cart.read cart.write")``, ``AuthToken(["cart.read", "ufs:/jobs/night.js"])``, ``AuthToken(123)`` for
    the script with that key. Whoever shows the text acts as the user who authorized it, with :attr:`scope` at most. A
    token with script scopes (``vfs:``, ``ufs:``) is taken only from one of those scripts.

    After it was authorized only :attr:`description` and :attr:`expires` may change.

    Args:
        scope: The words, each once and split at blanks; a number is the key of a script in the virtual file system.
            Blanks in the path of a script are percent-escaped.
        data: Opaque text that is kept with the token, at most 4,096 characters.
        expires: Instant in milliseconds since 1970 at which it is dead; None = valid until it is revoked, which needs
            the scope ``security.permanentToken``. Not given: 30 days after it was authorized.
        description: What it is for, as its owner reads it in lists; at most 200 characters.

    Raises:
        BadScope: A word is no scope.
        BadToken: ``data`` or ``description`` is too long.
    """

    def __init__(
        self, scope: ScopeArgument = "", data: str = "", *, expires: int | None = _USUAL, description: str = ""
    ) -> None:
        self.scope = scope
        self.data = data
        self.description = description
        #: Key of its record, 0 until it is authorized. Not a secret.
        self.key = 0
        #: Key of the account that it acts for, -1 until it is authorized.
        self.user_key = ANONYMOUS_KEY
        self._chosen = expires != _USUAL
        self._expires = expires if self._chosen else SystemClock().now() + DEFAULT_LIFE
        check_token_expiry(self._expires)

    def __repr__(self) -> str:
        return f"AuthToken({self.scope!r}, key={self.key})"

    @property
    def scope(self) -> str:
        """The words, separated by one blank."""
        return self._scope

    @scope.setter
    def scope(self, scope: ScopeArgument) -> None:
        self._scope = " ".join(parse_scopes(_words(scope)))

    @property
    def data(self) -> str:
        """Opaque text that is kept with it."""
        return self._data

    @data.setter
    def data(self, data: str) -> None:
        if len(data) > MAX_DATA:
            raise BadToken(f"data is a text of at most {MAX_DATA} characters")
        self._data = data

    @property
    def description(self) -> str:
        """What it is for."""
        return self._description

    @description.setter
    def description(self, description: str) -> None:
        if len(description) > MAX_DESCRIPTION:
            raise BadToken(f"description is a text of at most {MAX_DESCRIPTION} characters")
        self._description = description

    @property
    def expires(self) -> int | None:
        """When it is dead, in milliseconds since 1970; None = when it is revoked."""
        return self._expires

    @expires.setter
    def expires(self, expires: int | None) -> None:
        check_token_expiry(expires)
        self._expires = expires
        self._chosen = True

    @property
    def chosen(self) -> bool:
        """Whether somebody has said when it expires."""
        return self._chosen

    def expires_from(self, now: int) -> int | None:
        """:attr:`expires` as it counts when the token is authorized at ``now``."""
        return self._expires if self._chosen else now + DEFAULT_LIFE


def check_token_expiry(expires: int | None) -> None:
    """Raise :class:`BadToken` unless ``expires`` is an instant or None."""
    if expires is not None and (type(expires) is not int or not 0 <= expires < 1 << 53):
        raise BadToken("expires is an instant in milliseconds since 1970, or None")


def _words(scope: ScopeArgument) -> str:
    if isinstance(scope, str):
        return scope
    if isinstance(scope, int):
        return _script(scope)
    return " ".join(word if isinstance(word, str) else _script(word) for word in scope)


def _script(key: int) -> str:
    if type(key) is not int:
        raise BadToken("a scope is a text, the key of a script, or a list of these")
    return f"vfs:ikey?{key}"
