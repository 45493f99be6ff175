"""Keys that scripts know: of states, and of the ways in which credentials are checked."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

from sojourn.core.errors import BadRequest
from sojourn.model.user import AccountState


class BadUserState(BadRequest):
    """This is no state of an account."""

    code = "user.bad_state"


class UserState(IntEnum):
    """The states of an account by their keys."""

    ACTIVE = -1898143909
    LOCKED = -1898143908
    DISABLED = -1898141728
    EXPIRED = -1898143907


class AuthPolicy(IntEnum):
    """Who checks the credentials of an account."""

    #: The engine does.
    DEFAULT = -1898141725
    #: An identity provider does: the account has no password here.
    EXTERNAL = -1898139694


_WORDS: Final[Mapping[UserState, AccountState]] = {
    UserState.ACTIVE: "active",
    UserState.LOCKED: "locked",
    UserState.DISABLED: "disabled",
    UserState.EXPIRED: "expired",
}

_KEYS: Final = {word: key for key, word in _WORDS.items()}


def state_key(state: AccountState) -> UserState:
    """The key of a state."""
    return _KEYS[state]


def state_of(status: int | str) -> AccountState:
    """The state that a key or a word names; raises :class:`BadUserState`."""
    for key, word in _WORDS.items():
        if status in (key, word):
            return word
    raise BadUserState
