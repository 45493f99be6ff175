"""What is known of whom the session of a request acts for; alike in every framework."""

from __future__ import annotations

from abc import abstractmethod

from sojourn.engine.access import Access
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import ANONYMOUS_KEY, ANONYMOUS_NAME


class Who:
    """The identity of the session that the client shows."""

    @abstractmethod
    def _opened(self) -> Access | None:
        """The open session, as far as it is known."""

    @property
    def user_name(self) -> str:
        """Name of the account, ``anonymous`` without one."""
        access = self._opened()
        if access is None:
            return ANONYMOUS_NAME
        return access.account.name if access.account else access.session.identity.user_name

    @property
    def user_key(self) -> int:
        """Key of the account, -1 without one."""
        access = self._opened()
        return access.session.identity.user_key if access else ANONYMOUS_KEY

    @property
    def scope(self) -> ScopeSet:
        """The effective scope."""
        access = self._opened()
        return access.scope if access else NO_SCOPE

    @property
    def actor(self) -> str:
        """Name of the account that impersonates the user, empty when nobody does."""
        access = self._opened()
        return access.session.identity.actor if access else ""

    @property
    def identity_provider_key(self) -> int | None:
        """Key of the identity provider that authenticated the session, None for every other way to log in."""
        access = self._opened()
        return access.session.identity.provider or None if access else None
