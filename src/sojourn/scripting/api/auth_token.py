"""AuthTokens as they cross the border: the class of scripts is written in ``prelude/auth_token.js``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from sojourn.core.clock import SECOND
from sojourn.model.session import ANONYMOUS_KEY
from sojourn.model.token import AuthToken
from sojourn.scripting.values import Value

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = 253_402_300_799_000


class TokenArgument(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An ``AuthToken`` of a script, as the bridge hands it over. Whatever it says is checked as a stranger's word."""

    scope: str
    data: str
    description: str
    expires: datetime | None
    #: Whether a script has said when it expires; else it is 30 days after it is authorized.
    chosen: bool
    key: int = 0
    user_key: int = ANONYMOUS_KEY

    def token(self) -> AuthToken:
        """The token; raises ``BadScope``, ``BadToken``."""
        if self.chosen:
            token = AuthToken(self.scope, self.data, expires=instant(self.expires), description=self.description)
        else:
            token = AuthToken(self.scope, self.data, description=self.description)
        token.key, token.user_key = self.key, self.user_key
        return token


def shown(token: AuthToken, text: str = "") -> Value:
    """An issued token for the bridge, which makes an ``AuthToken`` of it, or renews the one that was authorized.

    ``text`` is what it is used by, where it was issued just now.
    """
    return {
        "text": text,
        "scope": token.scope,
        "data": token.data,
        "description": token.description,
        "expires": date(token.expires),
        "key": token.key,
        "userKey": token.user_key,
    }


def instant(value: datetime | None) -> int | None:
    """A date of scripts as milliseconds since 1970."""
    return None if value is None else round((value - _EPOCH).total_seconds() * SECOND)


def date(milliseconds: int | None) -> datetime | None:
    """An instant as the ``Date`` that scripts get; the end of the year 9999 for anything later."""
    return None if milliseconds is None else datetime.fromtimestamp(min(milliseconds, _LATEST) / SECOND, UTC)
