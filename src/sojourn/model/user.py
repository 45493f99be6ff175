"""Accounts, principals, and what a request that acts for one may do."""

from __future__ import annotations

import unicodedata
from typing import Literal

import msgspec

from sojourn.core.errors import BadRequest
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import ANONYMOUS_KEY, ANONYMOUS_NAME, Identity

AccountState = Literal["active", "locked", "disabled", "expired"]

#: What an account is for: a person's own work, or the support of others.
AccountType = Literal["standard", "support"]

MAX_NAME = 100
MAX_EMAIL = 254
MAX_PASSWORD = 1024
MAX_PASSWORD_BYTES = 4096


class BadAccount(BadRequest):
    """The account data are not acceptable."""

    code = "user.invalid"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account of a directory, as the checks see it; the password hash never leaves the engine database."""

    #: Never used twice.
    key: int
    directory: str
    name: str
    email: str = ""
    state: AccountState = "active"
    account_type: AccountType = "standard"
    #: Raised by disable, delete, password change and "end all of": handles from before are dead.
    auth_epoch: int = 0
    #: Whether the engine itself wrote the record last. One that was changed from outside counts as disabled.
    intact: bool = True
    #: Scopes in one realm: direct and by groups, for the realm or ``*``.
    scopes: ScopeSet = NO_SCOPE


def account_identity(account: Account, login_at: int) -> Identity:
    """The identity of a session in which ``account`` logged in with credentials."""
    return Identity(
        principal=account_principal(account.key),
        user_key=account.key,
        user_name=account.name,
        full_scope=True,
        login_at=login_at,
    )


def external_identity(space: str, subject: str, scope: tuple[str, ...], claims: str, login_at: int) -> Identity:
    """The identity of an external principal: ``subject`` as the pipelines of ``space`` know it, without an account."""
    return Identity(
        principal=external_principal(space, subject),
        user_key=ANONYMOUS_KEY,
        user_name=ANONYMOUS_NAME,
        subject=subject,
        space=space,
        scope=scope,
        login_at=login_at,
        claims=claims,
    )


def account_principal(key: int) -> str:
    """The principal of the account with ``key``."""
    return f"a:{key}"


def external_principal(space: str, subject: str) -> str:
    """The principal of ``subject`` as the pipelines of ``space`` know it."""
    return f"x:{space}:{subject}"


def is_account(principal: str) -> bool:
    """Whether ``principal`` is an account of the engine."""
    return principal.startswith("a:")


def is_external(principal: str) -> bool:
    """Whether ``principal`` is an external one."""
    return principal.startswith("x:")


def fold(name: str) -> str:
    """The form in which names and mail addresses are unique: NFKC, case-folded."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def check_user_name(name: str) -> str:
    """``name`` itself when an account may have it: 1-100 printable characters, no ``@``, no blank at the ends."""
    if not 0 < len(name) <= MAX_NAME or "@" in name or name != name.strip() or not name.isprintable():
        raise BadAccount("a user name has 1-100 printable characters, no @ and no blank at its ends")
    return name


def check_email(email: str) -> str:
    """``email`` itself when it looks like an address; empty is none."""
    local, _, domain = email.rpartition("@")
    if email and (not local or not domain or len(email) > MAX_EMAIL or not email.isprintable() or " " in email):
        raise BadAccount("this is not an e-mail address")
    return email


def password_bytes(password: str) -> bytes | None:
    """What is hashed: NFC as UTF-8. None when it is longer than any password may be."""
    if len(password) > MAX_PASSWORD:
        return None
    try:
        raw = unicodedata.normalize("NFC", password).encode()
    except UnicodeEncodeError:
        return None
    return raw if len(raw) <= MAX_PASSWORD_BYTES else None
