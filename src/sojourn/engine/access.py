"""Access: the outcome of the one check — who acts, through which handle, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from sojourn.core.errors import CrossSiteWrite, DelegatedHandle, FreshLoginRequired, TransientSession
from sojourn.core.json import Json
from sojourn.engine.tokens.claims import Claims
from sojourn.engine.tokens.records import TokenRecord
from sojourn.model.field import Field
from sojourn.model.realm import Realm
from sojourn.model.scope import NO_SCOPE, ScopeSet, is_condition, narrow
from sojourn.model.session import IssuedToken, Session
from sojourn.model.user import Account

#: How the handle arrived.
Via = Literal["cookie", "header", "parameter", "jwt", "python", "auth-token", "session-token", "basic", "refresh"]

PrincipalKind = Literal["anonymous", "account", "external"]


class Transient(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an access rests on that has no record: an AuthToken, a session token or a password on the request.

    All empty: a session of nobody, or a standalone one, which has an id.
    """

    #: The AuthToken that was shown.
    token: TokenRecord | None = None
    #: SHA-256 of the session token that was shown, and the stateful session with its realm that it belongs to.
    digest: bytes = b""
    parent: Session | None = None
    home: Realm | None = None
    #: When the handle dies by itself; None = when it is revoked, or with this execution.
    expires: int | None = None


class Access(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A live session opened by one handle."""

    realm: Realm
    #: The record as it was when the handle was checked; its epoch guards every later write.
    session: Session
    #: The session's own fields; of a :attr:`shared` bag ``Sessions.fields`` knows.
    fields: Mapping[str, Field]
    via: Via
    #: The effective scope: handle ∩ session ∩ account.
    scope: ScopeSet
    #: Whether the handle is narrower than its session: then it may not do what is the account's own.
    delegated: bool
    account: Account | None
    #: The verified token when the handle was one.
    token: Claims | None = None
    #: Whether nothing may be changed: a request from another site.
    read_only: bool = False
    #: Whether nobody is there who could log in afresh: a script that no request has caused.
    unattended: bool = False
    #: What it rests on when there is no record behind it: identity for this execution, and nothing more.
    transient: Transient | None = None

    @property
    def kind(self) -> PrincipalKind:
        """Whom the session acts for."""
        return self.session.identity.kind

    @property
    def shared(self) -> bool:
        """Whether the fields are those of a bag that all sessions of the principal share."""
        return self.realm.shares_fields and bool(self.session.principal)

    @property
    def claims(self) -> Mapping[str, Json] | None:
        """All claims of the token, None without one; decoded anew at each call."""
        return self.token.all if self.token else None

    @property
    def token_hash(self) -> bytes:
        """SHA-256 of the token's ``jti``, empty without a token."""
        return self.token.token_hash if self.token else b""

    @property
    def held(self) -> ScopeSet:
        """All scopes of the account and of the session, whatever this handle may: what ``!word`` of a route looks at."""
        of_session = frozenset(self.session.identity.scope)
        behind = self.transient
        if behind is not None and behind.parent is not None:
            of_session |= frozenset(behind.parent.identity.scope)
        return of_session | (self.account.scopes if self.account else NO_SCOPE)

    @property
    def auth_token(self) -> int:
        """Key of the AuthToken that was shown, or that logged the session in; 0 for neither."""
        return self.session.identity.auth_token

    def recorded(self) -> None:
        """Raise :class:`TransientSession` when there is no record behind it."""
        if self.transient is not None:
            raise TransientSession

    def own(self, now: int) -> None:
        """Raise unless this handle may change what is the account's own: password, mail, identities, tokens.

        ``DelegatedHandle`` for one that is narrower than its session, ``FreshLoginRequired`` when the login is older than
        the realm's ``freshLogin`` and a client asks.
        """
        if self.delegated or self.account is None:
            raise DelegatedHandle
        limit = self.realm.config.fresh_login
        if limit != "off" and not self.unattended and now - self.session.identity.login_at > limit:
            raise FreshLoginRequired(limit)

    def writable(self) -> None:
        """Raise :class:`CrossSiteWrite` when nothing may be changed, :class:`TransientSession` when nothing is there."""
        self.recorded()
        if self.read_only:
            raise CrossSiteWrite


def effective_scope(
    session: Session, account: Account | None, issued: IssuedToken | None, actor: ScopeSet | None = None
) -> ScopeSet:
    """What a request may do: the scope of its token ∩ its session's ∩ what the account has now.

    A session that has all its account has puts no limit of its own, nor does a token that has all of its session; an
    external principal has no account. An anonymous session has an empty limit, so nothing is left. ``actor``: what the
    account has that impersonates, None where nobody does.
    """
    identity = session.identity
    of_handle = None if issued is None or issued.full_scope else frozenset(issued.scope)
    of_session = None if identity.full_scope else frozenset(identity.scope) if identity.scope else NO_SCOPE
    scope = narrow(of_handle, of_session, account.scopes if account else None)
    return scope if actor is None else frozenset(word for word in scope if word in actor or is_condition(word))
