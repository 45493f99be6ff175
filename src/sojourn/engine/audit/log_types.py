"""The log types: those of the seed's product that concern security, and ours for what it has no name for.

A type says what kind of act it was; what was done within it is ``act`` in the detail of the row, whether it succeeded
is the outcome. ``LOGIN`` is one with a password of this engine, ``REMOTE_LOGIN`` one that rests on something else: an
identity provider, an AuthToken, another session. Types of data rows (``INSERT``, ``UPDATE``, ``DELETE`` and their neighbours) belong to the change log.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

#: The log types; those of the reference first.
Kind = Literal[
    "LOGIN",
    "LOGIN_FAIL",
    "LOGOUT",
    "REMOTE_LOGIN",
    "REMOTE_LOGIN_FAIL",
    "PASSWORD_CHANGE",
    "PASSWORD_RESET_REQUEST",
    "PASSWORD_RESET_CONFIRMATION",
    "USER_LOCK",
    "USER_UNLOCK",
    "SESSION_END",
    "REFUSAL",
    "IMPERSONATION",
    "USER_CHANGE",
    "IDENTITY_CHANGE",
    "GROUP_CHANGE",
    "ROLE_CHANGE",
    "SCOPE_CHANGE",
    "TOKEN_ISSUE",
    "TOKEN_USE",
    "TOKEN_CHANGE",
    "TOKEN_REVOKE",
    "API_KEY_CHANGE",
    "KEY_CHANGE",
    "PROVIDER_CHANGE",
    "DEPLOY",
    "UNDO",
    "CHANGE_LOG",
    "BACKUP",
    "ATTEST",
    "AUDIT_ERASE",
    "ADMIN",
]

Outcome = Literal["ok", "failed", "refused"]

#: Every log type, in the order of the reference pages.
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: Every outcome.
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
