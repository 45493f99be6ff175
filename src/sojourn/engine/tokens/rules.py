"""What an AuthToken may be: its scope, its life and its lineage. Rules without I/O."""

from __future__ import annotations

from typing import Final

from sojourn.core.clock import DAY
from sojourn.core.errors import BadRequest, Conflict, DelegatedHandle, Forbidden, InsufficientScope, NotFound
from sojourn.engine.access import Access
from sojourn.engine.tokens.records import TokenRecord
from sojourn.model.scope import ScopeSet, is_condition
from sojourn.model.token import AuthToken

#: The scope that a token needs which is valid until it is revoked, or for longer than :data:`LONGEST`.
PERMANENT: Final = "security.permanentToken"

#: Longer than this is as good as for ever, in milliseconds.
LONGEST: Final = 366 * DAY

#: Live tokens of one account.
MOST_LIVE: Final = 1_000


class AuthTokenUnknown(NotFound):
    """There is no such AuthToken, or none that you may see."""

    code = "authtoken.not_found"


class AuthTokenFixed(BadRequest):
    """Of an authorized AuthToken only description and expires can change."""

    code = "authtoken.fixed"


class AuthTokenExpiry(BadRequest):
    """An AuthToken expires in the future, and not later than the token that asked for it."""

    code = "authtoken.expiry"


class TooManyAuthTokens(Conflict):
    """This account has as many live AuthTokens as it may; revoke some."""

    code = "authtoken.too_many"


class NoAccountToDelegate(Forbidden):
    """Only an account of the engine can be handed on with an AuthToken."""

    code = "authtoken.no_account"


def asking_token(access: Access) -> int:
    """Key of the AuthToken on which ``access`` rests, 0 when it is no delegated handle.

    Raises ``DelegatedHandle`` for a delegated handle that rests on none: nothing could end its children with it.
    """
    if not access.delegated:
        return 0
    if not access.auth_token:
        raise DelegatedHandle
    return access.auth_token


def scope_of_new(words: str, allowed: ScopeSet, parent: TokenRecord | None) -> str:
    """``words`` when each is ``allowed`` and those of a child are no wider than its ``parent``; raises ``InsufficientScope``.

    A child of a token that only some scripts may use is for the same scripts, or for fewer of them.
    """
    listed = words.split()
    if any(not is_condition(word) and word not in allowed for word in listed):
        raise InsufficientScope
    if parent is None:
        return words
    theirs = [word for word in parent.scope.split() if is_condition(word)]
    own = [word for word in listed if is_condition(word)]
    if theirs and own and not set(own) <= set(theirs):
        raise InsufficientScope
    if theirs and not own:
        listed += theirs
    if any(not is_condition(word) and word not in parent.words for word in listed):
        raise InsufficientScope
    return " ".join(listed)


def expiry(wanted: int | None, now: int, parent: TokenRecord | None, *, permanent: bool) -> int | None:
    """``wanted`` when a token may live until then; ``permanent``: whether who asks has :data:`PERMANENT`.

    Raises :class:`AuthTokenExpiry`, ``InsufficientScope``.
    """
    if wanted is not None and wanted <= now:
        raise AuthTokenExpiry("expires is in the past")
    limit = parent.expires if parent is not None else None
    if limit is not None and (wanted is None or wanted > limit):
        raise AuthTokenExpiry("a token expires no later than the one that asked for it")
    if (wanted is None or wanted > now + LONGEST) and not permanent:
        raise InsufficientScope(f"a token without end, or for more than a year, needs the scope {PERMANENT}")
    return wanted


def usual_expiry(token: AuthToken, now: int, parent: TokenRecord | None) -> int | None:
    """When ``token`` expires as it was made; where nothing was chosen, no later than its ``parent``."""
    wanted = token.expires_from(now)
    if token.chosen or parent is None or parent.expires is None or wanted is None:
        return wanted
    return min(wanted, parent.expires)


def check_fixed(token: AuthToken, record: TokenRecord) -> None:
    """Raise :class:`AuthTokenFixed` when something else than description and expires is another."""
    as_it_is = (record.scope, record.data, record.account)
    if (token.scope, token.data, token.user_key) != as_it_is:
        raise AuthTokenFixed


def as_token(record: TokenRecord) -> AuthToken:
    """The object of an authorized token."""
    token = AuthToken(record.scope, record.data, expires=record.expires, description=record.description)
    token.key, token.user_key = record.key, record.account
    return token
