"""Why somebody cannot log in through a provider."""

from __future__ import annotations

from sojourn.core.errors import TokenRefused, Unavailable


class ProviderFailed(Unavailable):
    """The identity provider did not answer as it should."""

    code = "oidc.provider_failed"


class LoginNotTaken(TokenRefused):
    """The login at the identity provider was not accepted."""

    code = "oidc.refused"

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(reason, message or f"the login at the identity provider was not accepted: {reason}")
